import type pg from 'pg';
import { inUserSchema } from './fingerprint-context.ts';
import { quoteIdentifier } from './quote.ts';

/** What PUBLIC may do with one object or one column of it. */
export type PublicPrivilege = {
  /** The object as GRANT names it: `TABLE public.actor`. */
  readonly object: string;
  readonly column: string | null;
  readonly owner: string;
  readonly privileges: readonly string[];
};

/** `changed`: the objects whose privileges were ever changed. `all`: with the defaults of the others too. */
export async function readPublicPrivileges(
  client: pg.Client,
  which: 'changed' | 'all',
): Promise<PublicPrivilege[]> {
  const condition = which === 'all' ? 'true' : 'o.acl IS NOT NULL';
  const { rows } = await client.query<PublicPrivilege>(`
    SELECT o.object, o."column"::text, pg_get_userbyid(o.owner)::text AS owner,
           ARRAY(SELECT x.privilege_type FROM aclexplode(coalesce(o.acl, acldefault(o.type::"char", o.owner))) x
                  WHERE x.grantee = 0 ORDER BY 1) AS privileges
      FROM (${GRANTABLE.join(' UNION ALL ')}) o(type, object, "column", owner, acl)
     WHERE ${condition}`);
  return rows.map(withoutCreate);
}

/** Nobody but a tenant's migrator changes a schema, whatever the source allows; it is reported. */
function withoutCreate(found: PublicPrivilege): PublicPrivilege {
  if (!found.object.startsWith('SCHEMA ')) return found;
  return { ...found, privileges: found.privileges.filter((privilege) => privilege !== 'CREATE') };
}

const GRANTABLE = [
  `SELECT CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END,
          format('%s %I.%I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, n.nspname, c.relname),
          NULL::name, c.relowner, c.relacl
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')`,
  `SELECT 'c', format('TABLE %I.%I', n.nspname, c.relname), a.attname, c.relowner, a.attacl
     FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT a.attisdropped`,
  `SELECT 'f', 'ROUTINE ' || p.oid::regprocedure, NULL, p.proowner, p.proacl FROM pg_proc p`,
  `SELECT 'n', format('SCHEMA %I', n.nspname), NULL, n.nspowner, n.nspacl FROM pg_namespace n
    WHERE ${inUserSchema()} OR n.nspname IN ('pg_catalog', 'information_schema')`,
  `SELECT 'T', format('TYPE %I.%I', n.nspname, t.typname), NULL, t.typowner, t.typacl
     FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('b', 'd', 'e', 'r', 'c') AND NOT (t.typtype = 'b' AND t.typelem <> 0 AND t.typlen = -1)
      AND (t.typrelid = 0 OR (SELECT c.relkind FROM pg_class c WHERE c.oid = t.typrelid) = 'c')`,
  `SELECT 'l', format('LANGUAGE %I', l.lanname), NULL, l.lanowner, l.lanacl FROM pg_language l WHERE l.lanpltrusted`,
  `SELECT 'F', format('FOREIGN DATA WRAPPER %I', w.fdwname), NULL, w.fdwowner, w.fdwacl FROM pg_foreign_data_wrapper w`,
  `SELECT 'S', format('FOREIGN SERVER %I', s.srvname), NULL, s.srvowner, s.srvacl FROM pg_foreign_server s`,
];

/** A statement that gives PUBLIC what it has in the source, with the owner of what it changes. */
export type PrivilegeStatement = { readonly owner: string; readonly sql: string };

/** What must be said in the template so that PUBLIC may there what it may in the source. */
export function publicPrivilegeStatements(
  source: readonly PublicPrivilege[],
  template: readonly PublicPrivilege[],
): PrivilegeStatement[] {
  const inTemplate = new Map(template.map((found) => [keyOf(found), found]));
  return source.flatMap((wanted) => {
    const found = inTemplate.get(keyOf(wanted));
    if (found === undefined) return [];
    const granted = wanted.privileges.filter((privilege) => !found.privileges.includes(privilege));
    const revoked = found.privileges.filter((privilege) => !wanted.privileges.includes(privilege));
    return [
      ...(granted.length === 0 ? [] : [`GRANT ${listed(granted, wanted)} ON ${wanted.object} TO PUBLIC`]),
      ...(revoked.length === 0 ? [] : [`REVOKE ${listed(revoked, wanted)} ON ${wanted.object} FROM PUBLIC`]),
    ].map((sql) => ({ owner: found.owner, sql }));
  });
}

function keyOf({ object, column }: PublicPrivilege): string {
  return JSON.stringify([object, column]);
}

function listed(privileges: readonly string[], { column }: PublicPrivilege): string {
  return privileges
    .map((name) => (column === null ? name : `${name} (${quoteIdentifier(column)})`))
    .join(', ');
}

type DefaultPrivilege = { objects: string; schema: string | null; granted: string[]; revoked: string[] };

/** The source's default privileges for PUBLIC, as statements of whoever is to own the tenant's objects. */
export async function readDefaultPrivileges(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<DefaultPrivilege>(DEFAULT_PRIVILEGES);
  return rows.flatMap(({ objects, schema, granted, revoked }) => {
    const head = `ALTER DEFAULT PRIVILEGES${schema === null ? '' : ` IN SCHEMA ${quoteIdentifier(schema)}`}`;
    // A right that one of several owners took away stays away.
    const kept = granted.filter((privilege) => !revoked.includes(privilege));
    return [
      ...(kept.length === 0 ? [] : [`${head} GRANT ${kept.join(', ')} ON ${objects} TO PUBLIC`]),
      ...(revoked.length === 0 ? [] : [`${head} REVOKE ${revoked.join(', ')} ON ${objects} FROM PUBLIC`]),
    ];
  });
}

/** Those of a schema only add to the general ones, so that there is nothing to revoke. */
const DEFAULT_PRIVILEGES = `
  WITH acls AS (
    SELECT d.oid, d.defaclobjtype AS type, n.nspname, d.defaclacl AS acl,
           CASE WHEN d.defaclnamespace = 0
                THEN acldefault(CASE d.defaclobjtype WHEN 'S' THEN 's' ELSE d.defaclobjtype END, d.defaclrole)
                END AS standard
      FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
     WHERE d.defaclrole IN (SELECT datdba FROM pg_database WHERE datname = current_database())
        OR EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relowner = d.defaclrole AND ${inUserSchema()})
        OR EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE p.proowner = d.defaclrole AND ${inUserSchema()})
  ), changes AS (
    SELECT a.type, a.nspname, x.privilege_type, true AS is_granted FROM acls a, aclexplode(a.acl) x WHERE x.grantee = 0
       AND NOT EXISTS (SELECT FROM aclexplode(a.standard) s WHERE s.grantee = 0 AND s.privilege_type = x.privilege_type)
    UNION
    SELECT a.type, a.nspname, s.privilege_type, false FROM acls a, aclexplode(a.standard) s WHERE s.grantee = 0
       AND NOT EXISTS (SELECT FROM aclexplode(a.acl) x WHERE x.grantee = 0 AND x.privilege_type = s.privilege_type)
  )
  SELECT CASE type WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
                   WHEN 'n' THEN 'SCHEMAS' END AS objects, nspname::text AS schema,
         coalesce(array_agg(privilege_type) FILTER (WHERE is_granted), '{}') AS granted,
         coalesce(array_agg(privilege_type) FILTER (WHERE NOT is_granted), '{}') AS revoked
    FROM changes
   WHERE type IN ('r', 'S', 'f', 'T', 'n') AND NOT (type = 'n' AND privilege_type = 'CREATE')
   GROUP BY type, nspname`;
