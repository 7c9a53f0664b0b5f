import type pg from 'pg';
import type { NeutralRoles } from './database-server.ts';
import { quoteLiteral } from './quote.ts';

/** What the queries need to know beforehand. All of it is numbers, so that it can stand in the SQL. */
export type FingerprintContext = {
  readonly major: number;
  /** An SQL expression that names the role whose OID is in the given expression, by its part. */
  readonly roleName: (oidExpression: string) => string;
};

type ContextRow = {
  major: number;
  owner: string | null;
  application: string | null;
  /** Superusers, and who owns this database: the platform's own login where it is no superuser. */
  platform: string[];
};

/** Reads the part that the roles play here; names differ between installations and tenants. */
export async function readContext(client: pg.Client, neutral: NeutralRoles): Promise<FingerprintContext> {
  const result = await client.query<ContextRow>(
    `SELECT current_setting('server_version_num')::int / 10000 AS major,
            (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $1)::text AS owner,
            (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $2)::text AS application,
            ARRAY(SELECT r.oid::text FROM pg_catalog.pg_roles r
                   WHERE r.rolsuper OR r.oid = (SELECT datdba FROM pg_catalog.pg_database
                                                 WHERE datname = pg_catalog.current_database())) AS platform`,
    [neutral.owner, neutral.application],
  );
  const [row] = result.rows;
  if (row === undefined) throw new Error('The server did not say its version.');
  return { major: row.major, roleName: roleNamer(row) };
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
