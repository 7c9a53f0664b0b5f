const isSuperuser = 'SELECT r.rolsuper FROM pg_roles r WHERE r.oid = x.grantee';

/** What a grant may stand on: the catalog, its prefix, its default for an owner, and where its rows are from. */
type Kind = { catalog: string; prefix: string; type: string; from?: string };

const inNamespace = (catalog: string, column: string) =>
  `${catalog} o JOIN pg_namespace n ON n.oid = o.${column} AND n.nspname !~ '^pg_(toast_)?temp_'`;

const KINDS: readonly Kind[] = [
  {
    catalog: 'pg_class',
    prefix: 'rel',
    type: "CASE o.relkind WHEN 'S' THEN 's' ELSE 'r' END",
    from: inNamespace('pg_class', 'relnamespace'),
  },
  { catalog: 'pg_proc', prefix: 'pro', type: "'f'" },
  { catalog: 'pg_type', prefix: 'typ', type: "'T'" },
  { catalog: 'pg_namespace', prefix: 'nsp', type: "'n'" },
  { catalog: 'pg_language', prefix: 'lan', type: "'l'" },
  { catalog: 'pg_foreign_data_wrapper', prefix: 'fdw', type: "'F'" },
  { catalog: 'pg_foreign_server', prefix: 'srv', type: "'S'" },
  { catalog: 'pg_largeobject_metadata', prefix: 'lom', type: "'L'" },
];

/** Those that initdb or the script of an extension gave are there in a template too. */
function notInitial(catalog: string, column = '0'): string {
  return `NOT EXISTS (SELECT FROM pg_init_privs i, aclexplode(i.initprivs) y
      WHERE i.classoid = '${catalog}'::regclass AND i.objoid = o.oid AND i.objsubid = ${column}
        AND y.grantee = x.grantee AND y.privilege_type = x.privilege_type AND y.is_grantable = x.is_grantable)`;
}

/** Those who were granted something on an object that is not theirs. */
function grantees({ catalog, prefix, from = `${catalog} o` }: Kind): string {
  return `SELECT '${catalog}', o.oid, x.grantee FROM ${from}, aclexplode(o.${prefix}acl) x
    WHERE x.grantee NOT IN (0, o.${prefix}owner) AND NOT (${isSuperuser}) AND ${notInitial(catalog)}`;
}

const COLUMN_GRANTEES = `SELECT 'pg_class', o.oid, x.grantee
    FROM ${inNamespace('pg_class', 'relnamespace')} JOIN pg_attribute a ON a.attrelid = o.oid, aclexplode(a.attacl) x
   WHERE x.grantee NOT IN (0, o.relowner) AND NOT (${isSuperuser}) AND ${notInitial('pg_class', 'a.attnum')}`;

/** What every owner begins with, and this one took from itself. */
function renounced({ catalog, prefix, type, from = `${catalog} o` }: Kind): string {
  return `SELECT '${catalog}', o.oid, o.${prefix}owner, d.privilege_type
    FROM ${from}, aclexplode(acldefault((${type})::"char", o.${prefix}owner)) d
   WHERE o.${prefix}acl IS NOT NULL AND d.grantee = o.${prefix}owner
     AND NOT EXISTS (SELECT FROM pg_init_privs i
                      WHERE i.classoid = '${catalog}'::regclass AND i.objoid = o.oid AND i.objsubid = 0)
     AND NOT EXISTS (SELECT FROM aclexplode(o.${prefix}acl) a
                      WHERE a.grantee = o.${prefix}owner AND a.privilege_type = d.privilege_type)`;
}

/** Privileges that tenants do not get: of kind, name and why. */
export const LEFT_OUT_GRANTS: readonly string[] = [
  `SELECT 'privilege', pg_get_userbyid(g.grantee)::text,
          format('its privileges on %s objects: tenants have roles of their own', count(*))
     FROM (${[...KINDS.map(grantees), COLUMN_GRANTEES].join(' UNION ')}) g(catalog, object, grantee)
    GROUP BY g.grantee`,
  `SELECT 'privilege', format('%s of their owner %s', string_agg(DISTINCT g.privilege, ', ' ORDER BY g.privilege), pg_get_userbyid(g.owner)),
          format('it took them from itself on %s objects; the owner of a tenant''s objects has them', count(DISTINCT (g.catalog, g.object)))
     FROM (${KINDS.map(renounced).join(' UNION ALL ')}) g(catalog, object, owner, privilege)
    GROUP BY g.owner`,
  `SELECT DISTINCT 'default privileges', pg_get_userbyid(x.grantee)::text,
          'its privileges on objects made later: tenants have roles of their own'
     FROM pg_default_acl d, aclexplode(d.defaclacl) x
    WHERE x.grantee NOT IN (0, d.defaclrole) AND NOT (${isSuperuser})`,
  `SELECT DISTINCT 'privilege', format('%s on the database', pg_get_userbyid(x.grantee)),
          'who may enter a tenant''s database is the platform''s to say'
     FROM pg_database d, aclexplode(d.datacl) x
    WHERE d.datname = current_database() AND x.grantee NOT IN (0, d.datdba)`,
];
