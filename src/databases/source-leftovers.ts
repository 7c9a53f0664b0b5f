import type pg from 'pg';
import { inUserSchema, ofUsers } from './fingerprint-context.ts';

/** Something of the source that tenants do not get, and why. */
export type NotCarried = { readonly kind: string; readonly name: string; readonly why: string };

/** What no template has. What could not be carried in one case is added while the template is built. */
export async function readLeftovers(client: pg.Client): Promise<NotCarried[]> {
  const { rows } = await client.query<NotCarried>(LEFTOVERS.join('\nUNION ALL\n'));
  return rows;
}

const isSuperuser = 'SELECT r.rolsuper FROM pg_roles r WHERE r.oid = x.grantee';

const COLUMN_GRANTEES = `SELECT 'pg_class', c.oid, x.grantee
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
         aclexplode(a.attacl) x
   WHERE x.grantee NOT IN (0, c.relowner) AND ${ofUsers('pg_class', 'c')} AND NOT (${isSuperuser})`;
const WRAPPER_GRANTEES = `SELECT 'pg_foreign_data_wrapper', w.oid, x.grantee
    FROM pg_foreign_data_wrapper w, aclexplode(w.fdwacl) x
   WHERE x.grantee NOT IN (0, w.fdwowner) AND NOT (${isSuperuser})`;
const SERVER_GRANTEES = `SELECT 'pg_foreign_server', s.oid, x.grantee
    FROM pg_foreign_server s, aclexplode(s.srvacl) x
   WHERE x.grantee NOT IN (0, s.srvowner) AND NOT (${isSuperuser})`;
const LARGE_OBJECT_GRANTEES = `SELECT 'pg_largeobject', l.oid, x.grantee
    FROM pg_largeobject_metadata l, aclexplode(l.lomacl) x
   WHERE x.grantee NOT IN (0, l.lomowner) AND NOT (${isSuperuser})`;

const LEFTOVERS = [
  `SELECT 'user mapping' AS kind, format('%s for %s', srvname, usename) AS name,
          'it holds a password of the source; make one in the tenant that needs it' AS why
     FROM pg_user_mappings`,
  `SELECT 'subscription', subname::text, 'it holds a password, and would replicate into every tenant'
     FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  `SELECT 'security label', format('%s %s', objtype, objname), 'labels belong to a server''s own policy'
     FROM pg_seclabels WHERE objtype NOT IN ('database', 'role', 'tablespace')`,
  `SELECT 'role setting', format('%s of %I', split_part(setting, '=', 1), r.rolname),
          'tenants have roles of their own, and no settings of the source''s'
     FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole, unnest(s.setconfig) setting
    WHERE s.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
       OR (s.setdatabase = 0 AND NOT r.rolsuper AND EXISTS (
             SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relowner = r.oid AND ${inUserSchema()}))`,
  `SELECT 'database comment', current_database()::text, 'it tells of the source, and not of a tenant'
     FROM pg_shdescription WHERE classoid = 'pg_database'::regclass
      AND objoid = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  `SELECT 'connection limit', datconnlimit::text, 'how many connections a tenant has is the platform''s to say'
     FROM pg_database WHERE datname = current_database() AND datconnlimit >= 0`,
  `SELECT 'tablespace', t.spcname::text, format('%s tables and indexes lie in it; tenants use the server''s own', count(*))
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_tablespace t ON t.oid = c.reltablespace
    WHERE ${inUserSchema()} AND c.reltablespace <> 0 GROUP BY t.spcname`,
  `SELECT 'planner statistics', format('of %s tables', count(DISTINCT (s.schemaname, s.tablename))),
          'each tenant collects its own: autovacuum does so once there are rows'
     FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname WHERE ${inUserSchema()} HAVING count(*) > 0`,
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
       ...[COLUMN_GRANTEES, WRAPPER_GRANTEES, SERVER_GRANTEES, LARGE_OBJECT_GRANTEES],
     ].join(' UNION ')}) o(catalog, object, grantee)
    GROUP BY o.grantee`,
  `SELECT DISTINCT 'default privileges', pg_get_userbyid(x.grantee)::text,
          'its privileges on objects made later: tenants have roles of their own'
     FROM pg_default_acl d, aclexplode(d.defaclacl) x
    WHERE x.grantee NOT IN (0, d.defaclrole) AND NOT (${isSuperuser})`,
  `SELECT DISTINCT 'privilege', format('%s on the database', pg_get_userbyid(x.grantee)),
          'who may enter a tenant''s database is the platform''s to say'
     FROM pg_database d, aclexplode(d.datacl) x
    WHERE d.datname = current_database() AND x.grantee NOT IN (0, d.datdba)`,
];

/** Those who were granted something on an object that is not theirs. */
function grantees(...[catalog, acl, owner, namespace]: [string, string, string, string]): string {
  return `SELECT '${catalog}', o.oid, x.grantee
    FROM ${catalog} o JOIN pg_namespace n ON n.oid = o.${namespace}, aclexplode(o.${acl}) x
    WHERE x.grantee NOT IN (0, o.${owner}) AND ${ofUsers(catalog, 'o')}
      AND NOT (${isSuperuser})`;
}
