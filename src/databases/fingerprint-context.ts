import type pg from 'pg';
import type { NeutralRoles } from './database-server.ts';
import { quoteLiteral } from './quote.ts';

/** What the queries need to know beforehand. All of it is numbers, so that it can stand in the SQL. */
export type FingerprintContext = {
  readonly major: number;
  /** The rarely used catalogs in which this database has objects of its own. */
  readonly usedCatalogs: readonly string[];
  /** An SQL expression that names the role whose OID is in the given expression, by its part. */
  readonly roleName: (oidExpression: string) => string;
};

/** A query for facts, and the catalog that must hold something for it to find any. */
export type FactQuery = { readonly sql: string; readonly catalog?: RareCatalog };

type RareCatalog = (typeof RARE_CATALOGS)[number];

/**
 * Most databases have nothing in these. Looking into all of them in one query takes a tenth of the time that
 * planning a query for each takes.
 */
const RARE_CATALOGS = [
  'pg_aggregate',
  'pg_am',
  'pg_cast',
  'pg_collation',
  'pg_conversion',
  'pg_event_trigger',
  'pg_foreign_data_wrapper',
  'pg_foreign_server',
  'pg_language',
  'pg_opclass',
  'pg_operator',
  'pg_opfamily',
  'pg_policy',
  'pg_publication',
  'pg_statistic_ext',
  'pg_transform',
  'pg_ts_config',
  'pg_ts_dict',
  'pg_ts_parser',
  'pg_ts_template',
] as const;

/** 16384 is FirstNormalObjectId: everything below was made by initdb. */
const USED_CATALOGS = RARE_CATALOGS.map((catalog) => {
  const key = catalog === 'pg_aggregate' ? 'aggfnoid' : 'oid';
  return `SELECT '${catalog}' WHERE EXISTS (SELECT FROM pg_catalog.${catalog} WHERE ${key} >= 16384::oid)`;
}).join(' UNION ALL ');

type ContextRow = {
  major: number;
  usedCatalogs: string[];
  owner: string | null;
  application: string | null;
  /** Superusers, and who owns this database: the platform's own login where it is no superuser. */
  platform: string[];
};

/** Reads the part that the roles play here; names differ between installations and tenants. */
export async function readContext(client: pg.Client, neutral: NeutralRoles): Promise<FingerprintContext> {
  const result = await client.query<ContextRow>(
    `SELECT current_setting('server_version_num')::int / 10000 AS major,
            ARRAY(${USED_CATALOGS}) AS "usedCatalogs",
            (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1)::text AS owner,
            (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $2)::text AS application,
            ARRAY(SELECT r.oid::text FROM pg_catalog.pg_roles r
                   WHERE r.rolsuper OR r.oid = (SELECT datdba FROM pg_catalog.pg_database
                                                 WHERE datname = pg_catalog.current_database())) AS platform`,
    [neutral.owner, neutral.application],
  );
  const [row] = result.rows;
  if (row === undefined) throw new Error('The server did not say its version.');
  return { major: row.major, usedCatalogs: row.usedCatalogs, roleName: roleNamer(row) };
}

function roleNamer({ owner, application, platform }: ContextRow): FingerprintContext['roleName'] {
  const parts = new Map<string, string>([['0', 'PUBLIC']]);
  for (const oid of platform) parts.set(oid, 'platform');
  if (owner !== null) parts.set(owner, 'owner');
  if (application !== null) parts.set(application, 'application');
  const cases = [...parts].map(([oid, part]) => `WHEN ${Number(oid)} THEN ${quoteLiteral(part)}`).join(' ');
  // The prefix keeps a role that is called "owner" apart from the owner.
  return (oid) => `CASE ${oid} ${cases} ELSE 'role ' || pg_get_userbyid(${oid}) END`;
}

/** Every text that the server prints depends on one of these. */
export const STABLE_OUTPUT = `
  SET LOCAL search_path = pg_catalog, pg_temp;
  SET LOCAL DateStyle = 'ISO, YMD';
  SET LOCAL IntervalStyle = postgres;
  SET LOCAL TimeZone = 'UTC';
  SET LOCAL extra_float_digits = 1;
  SET LOCAL bytea_output = hex;
  SET LOCAL xmloption = content;
  SET LOCAL quote_all_identifiers = off`;

/** In what users made: not in a system schema, and no part of an extension. */
export function ofUsers(catalog: string, alias: string, namespace = 'n'): string {
  return `${inUserSchema(namespace)} AND ${ofNoExtension(catalog, `${alias}.oid`)}`;
}

export function inUserSchema(namespace = 'n'): string {
  return `${namespace}.nspname !~ '^pg_' AND ${namespace}.nspname <> 'information_schema'`;
}

export function ofNoExtension(catalog: string, oidExpression: string): string {
  return `NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '${catalog}'::regclass
                        AND e.objid = ${oidExpression} AND e.deptype = 'e')`;
}

/** For objects without a schema: FirstNormalObjectId is where those begin that initdb did not make. */
export function madeAfterInitdb(catalog: string, alias: string): string {
  return `${alias}.oid >= 16384 AND ${ofNoExtension(catalog, `${alias}.oid`)}`;
}
