import {
  type FactQuery,
  type FingerprintContext,
  inUserSchema,
  madeAfterInitdb,
  ofNoExtension,
  ofUsers,
} from './fingerprint-context.ts';

/** Who owns what and who may do what with it. Each query gives rows of (kind, identity, definition). */
export function privilegeQueries({ roleName }: FingerprintContext): FactQuery[] {
  return [
    { sql: ownership(EXTENSIONS, roleName) },
    ...OWNED.map(({ catalog, sql }) => ({ catalog, sql: ownership(sql, roleName) })),
    ...GRANTED.map((sql) => ({ sql: ownershipAndGrants(sql, roleName) })),
    ...RARELY_GRANTED.map(({ catalog, sql }) => ({ catalog, sql: ownershipAndGrants(sql, roleName) })),
    ...SYSTEM_CATALOGS.map((catalog) => ({ sql: grantsBeyondInitdb(catalog, roleName) })),
    { sql: columnGrants(roleName) },
    { sql: defaultPrivileges(roleName) },
  ];
}

type RoleName = FingerprintContext['roleName'];

const EXTENSIONS = "SELECT 'extension', quote_ident(o.extname), o.extowner FROM pg_extension o";

/** Queries that give (kind, identity, owner). */
const OWNED: Required<FactQuery>[] = [
  {
    catalog: 'pg_operator',
    sql: `SELECT 'operator', o.oid::regoperator::text, o.oprowner FROM pg_operator o
    JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE ${ofUsers('pg_operator', 'o')}`,
  },
  {
    catalog: 'pg_opclass',
    sql: `SELECT 'operator class', format('%I.%I %s', n.nspname, o.opcname, o.opcmethod), o.opcowner FROM pg_opclass o
    JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE ${ofUsers('pg_opclass', 'o')}`,
  },
  {
    catalog: 'pg_opfamily',
    sql: `SELECT 'operator family', format('%I.%I %s', n.nspname, o.opfname, o.opfmethod), o.opfowner FROM pg_opfamily o
    JOIN pg_namespace n ON n.oid = o.opfnamespace WHERE ${ofUsers('pg_opfamily', 'o')}`,
  },
  {
    catalog: 'pg_collation',
    sql: `SELECT 'collation', format('%I.%I', n.nspname, o.collname), o.collowner FROM pg_collation o
    JOIN pg_namespace n ON n.oid = o.collnamespace WHERE ${ofUsers('pg_collation', 'o')}`,
  },
  {
    catalog: 'pg_conversion',
    sql: `SELECT 'conversion', format('%I.%I', n.nspname, o.conname), o.conowner FROM pg_conversion o
    JOIN pg_namespace n ON n.oid = o.connamespace WHERE ${ofUsers('pg_conversion', 'o')}`,
  },
  {
    catalog: 'pg_ts_config',
    sql: `SELECT 'text search configuration', format('%I.%I', n.nspname, o.cfgname), o.cfgowner FROM pg_ts_config o
    JOIN pg_namespace n ON n.oid = o.cfgnamespace WHERE ${ofUsers('pg_ts_config', 'o')}`,
  },
  {
    catalog: 'pg_ts_dict',
    sql: `SELECT 'text search dictionary', format('%I.%I', n.nspname, o.dictname), o.dictowner FROM pg_ts_dict o
    JOIN pg_namespace n ON n.oid = o.dictnamespace WHERE ${ofUsers('pg_ts_dict', 'o')}`,
  },
  {
    catalog: 'pg_statistic_ext',
    sql: `SELECT 'statistics', format('%I.%I', n.nspname, o.stxname), o.stxowner FROM pg_statistic_ext o
    JOIN pg_namespace n ON n.oid = o.stxnamespace WHERE ${ofUsers('pg_statistic_ext', 'o')}`,
  },
  {
    catalog: 'pg_event_trigger',
    sql: `SELECT 'event trigger', quote_ident(o.evtname), o.evtowner FROM pg_event_trigger o
    WHERE ${madeAfterInitdb('pg_event_trigger', 'o')}`,
  },
  {
    catalog: 'pg_publication',
    sql: `SELECT 'publication', quote_ident(o.pubname), o.pubowner FROM pg_publication o
    WHERE ${madeAfterInitdb('pg_publication', 'o')}`,
  },
];

function ownership(objects: string, roleName: RoleName): string {
  return `SELECT o.kind, o.identity, ${roleName('o.owner')} FROM (${objects}) o(kind, identity, owner)`;
}

/** Queries that give (kind, identity, owner, privileges); what was never changed has the default ones. */
const GRANTED = [
  `SELECT 'relation', format('%I.%I', n.nspname, c.relname), c.relowner,
     coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND ${ofUsers('pg_class', 'c')}`,
  `SELECT 'function', p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ${ofUsers('pg_proc', 'p')}`,
  `SELECT 'schema', quote_ident(n.nspname), n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
     FROM pg_namespace n WHERE ${ofUsers('pg_namespace', 'n')}`,
  `SELECT 'type', format('%I.%I', n.nspname, t.typname), t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
     FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE NOT (t.typtype = 'b' AND t.typelem <> 0 AND t.typlen = -1)
      AND (t.typrelid = 0 OR (SELECT c.relkind FROM pg_class c WHERE c.oid = t.typrelid) = 'c')
      AND ${ofUsers('pg_type', 't')}`,
];

const RARELY_GRANTED: Required<FactQuery>[] = [
  {
    catalog: 'pg_language',
    sql: `SELECT 'language', quote_ident(l.lanname), l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner))
     FROM pg_language l WHERE ${madeAfterInitdb('pg_language', 'l')}`,
  },
  {
    catalog: 'pg_foreign_data_wrapper',
    sql: `SELECT 'foreign data wrapper', quote_ident(w.fdwname), w.fdwowner, coalesce(w.fdwacl, acldefault('F', w.fdwowner))
     FROM pg_foreign_data_wrapper w WHERE ${madeAfterInitdb('pg_foreign_data_wrapper', 'w')}`,
  },
  {
    catalog: 'pg_foreign_server',
    sql: `SELECT 'server', quote_ident(s.srvname), s.srvowner, coalesce(s.srvacl, acldefault('S', s.srvowner))
     FROM pg_foreign_server s WHERE ${madeAfterInitdb('pg_foreign_server', 's')}`,
  },
];

function ownershipAndGrants(objects: string, roleName: RoleName): string {
  return `SELECT o.kind, o.identity, concat(${roleName('o.owner')}, ': ', ${grants('o.acl', roleName)})
    FROM (${objects}) o(kind, identity, owner, acl)`;
}

type SystemCatalog = {
  readonly catalog: string;
  readonly acl: string;
  readonly identity: string;
  /** The column with the schema; languages have none. */
  readonly schema?: string;
};

const SYSTEM_CATALOGS: readonly SystemCatalog[] = [
  { catalog: 'pg_class', acl: 'relacl', identity: 'o.oid::regclass', schema: 'o.relnamespace' },
  { catalog: 'pg_proc', acl: 'proacl', identity: 'o.oid::regprocedure', schema: 'o.pronamespace' },
  { catalog: 'pg_type', acl: 'typacl', identity: 'o.oid::regtype', schema: 'o.typnamespace' },
  { catalog: 'pg_namespace', acl: 'nspacl', identity: 'quote_ident(o.nspname)', schema: 'o.oid' },
  { catalog: 'pg_language', acl: 'lanacl', identity: 'quote_ident(o.lanname)' },
];

/**
 * What initdb and extensions made counts only where somebody changed its privileges afterwards. Of the
 * information schema nobody knows what its privileges were.
 */
function grantsBeyondInitdb({ catalog, acl, identity, schema }: SystemCatalog, roleName: RoleName): string {
  const isOfSystem =
    schema === undefined
      ? 'o.oid < 16384'
      : `${schema} <> 'information_schema'::regnamespace
         AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.oid = ${schema} AND ${inUserSchema()})`;
  return `SELECT 'system ${catalog}', ${identity}::text, ${grants(`o.${acl}`, roleName)}
    FROM ${catalog} o
    LEFT JOIN pg_init_privs i ON i.classoid = '${catalog}'::regclass AND i.objoid = o.oid AND i.objsubid = 0
    WHERE o.${acl} IS NOT NULL AND o.${acl} IS DISTINCT FROM i.initprivs
      AND (${isOfSystem} OR NOT ${ofNoExtension(catalog, 'o.oid')})`;
}

function columnGrants(roleName: RoleName): string {
  return `SELECT 'column', format('%s.%I', a.attrelid::regclass, a.attname), ${grants('a.attacl', roleName)}
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped AND ${ofUsers('pg_class', 'c')}`;
}

function defaultPrivileges(roleName: RoleName): string {
  return `SELECT 'default privileges',
      format('%s %s %s', ${roleName('d.defaclrole')}, d.defaclobjtype, nullif(d.defaclnamespace, 0)::regnamespace),
      ${grants('d.defaclacl', roleName)}
    FROM pg_default_acl d`;
}

/** The grants as text, in an order of their own: an array's order depends on who was granted first. */
function grants(acl: string, roleName: RoleName): string {
  return `(SELECT string_agg(g.text, ',' ORDER BY g.text COLLATE "C")
      FROM (SELECT concat(${roleName('x.grantee')}, '=', x.privilege_type, CASE WHEN x.is_grantable THEN '*' END)
              FROM aclexplode(${acl}) x) g(text))`;
}
