import type pg from 'pg';
import { inUserSchema, ofUsers } from './fingerprint-context.ts';
import { LEFT_OUT_GRANTS } from './source-grants.ts';

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
  ...LEFT_OUT_GRANTS,
];
