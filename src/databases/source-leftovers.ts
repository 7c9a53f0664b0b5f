import type pg from 'pg';
import { ofUsers } from './fingerprint-context.ts';

/** Something of the source that tenants do not get, and why. */
export type NotCarried = { readonly kind: string; readonly name: string; readonly why: string };

/** What no template has. What could not be carried in one case is added while the template is built. */
export async function readLeftovers(client: pg.Client): Promise<NotCarried[]> {
  const { rows } = await client.query<NotCarried>(LEFTOVERS.join('\nUNION ALL\n'));
  return rows;
}

const LEFTOVERS = [
  `SELECT 'user mapping' AS kind, format('%s for %s', srvname, usename) AS name,
          'it holds a password of the source; make one in the tenant that needs it' AS why
     FROM pg_user_mappings`,
  `SELECT 'subscription', subname::text, 'it holds a password, and would replicate into every tenant'
     FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  `SELECT 'security label', format('%s %s', objtype, objname), 'labels belong to a server''s own policy'
     FROM pg_seclabels WHERE objtype NOT IN ('database', 'role', 'tablespace')`,
  `SELECT 'database setting', split_part(setting, '=', 1), 'settings of a database are not cloned with it'
     FROM pg_db_role_setting, unnest(setconfig) setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  `SELECT 'large objects', count(*)::text, 'only the rows of SOURCE_DATA_TABLES are carried'
     FROM pg_largeobject_metadata HAVING count(*) > 0`,
  `SELECT 'policy', format('%s on %s', p.polname, p.polrelid::regclass),
          format('it is for %s only, and no tenant''s role is a member', string_agg(r.rolname, ', ' ORDER BY r.rolname))
     FROM pg_policy p JOIN pg_roles r ON r.oid = ANY(p.polroles)
    GROUP BY p.oid, p.polname, p.polrelid`,
  `SELECT 'privilege', format('CREATE on the schema %I for PUBLIC', n.nspname),
          'the application role of a tenant changes no schema'
     FROM pg_namespace n, aclexplode(n.nspacl) x
    WHERE x.grantee = 0 AND x.privilege_type = 'CREATE' AND ${ofUsers('pg_namespace', 'n')}`,
  `SELECT 'privilege', pg_get_userbyid(o.grantee)::text,
          format('its privileges on %s objects: tenants have roles of their own', count(*))
     FROM (${[
       grantees('pg_class', 'relacl', 'relowner', 'relnamespace'),
       grantees('pg_proc', 'proacl', 'proowner', 'pronamespace'),
       grantees('pg_type', 'typacl', 'typowner', 'typnamespace'),
       grantees('pg_namespace', 'nspacl', 'nspowner', 'oid'),
     ].join(' UNION ')}) o(catalog, object, grantee)
    GROUP BY o.grantee`,
];

/** Those who were granted something on an object that is not theirs. */
function grantees(...[catalog, acl, owner, namespace]: [string, string, string, string]): string {
  return `SELECT '${catalog}', o.oid, x.grantee
    FROM ${catalog} o JOIN pg_namespace n ON n.oid = o.${namespace}, aclexplode(o.${acl}) x
    WHERE x.grantee NOT IN (0, o.${owner}) AND ${ofUsers(catalog, 'o')}
      AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = x.grantee)`;
}
