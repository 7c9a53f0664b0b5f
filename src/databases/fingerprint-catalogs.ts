import { type FactQuery, type FingerprintContext, madeAfterInitdb, ofUsers } from './fingerprint-context.ts';

/** Schemas, extensions, and what else belongs to the database itself. Rows of (kind, identity, definition). */
export function catalogQueries({ major }: FingerprintContext): FactQuery[] {
  return [
    ...[SCHEMAS, EXTENSIONS, COMMENTS].map((sql) => ({ sql })),
    ...TEXT_SEARCH,
    { catalog: 'pg_collation', sql: COLLATIONS },
    { catalog: 'pg_conversion', sql: CONVERSIONS },
    ...[PUBLICATIONS, ...publishedObjects(major)].map((sql) => ({ catalog: 'pg_publication' as const, sql })),
    { catalog: 'pg_event_trigger', sql: EVENT_TRIGGERS },
    { catalog: 'pg_foreign_data_wrapper', sql: WRAPPERS },
    { catalog: 'pg_foreign_server', sql: SERVERS },
    { catalog: 'pg_language', sql: LANGUAGES },
    { catalog: 'pg_am', sql: ACCESS_METHODS },
  ];
}

const SCHEMAS = `
  SELECT 'schema', quote_ident(n.nspname), ''
  FROM pg_namespace n
  WHERE ${ofUsers('pg_namespace', 'n')}`;

const EXTENSIONS = `
  SELECT 'extension', quote_ident(x.extname),
    json_build_object('version', x.extversion, 'schema', x.extnamespace::regnamespace::text)::text
  FROM pg_extension x`;

const TEXT_SEARCH: FactQuery[] = [
  {
    catalog: 'pg_ts_config',
    sql: `
  SELECT 'text search configuration', format('%I.%I', n.nspname, t.cfgname), json_build_object(
    'parser', (SELECT format('%s.%I', p.prsnamespace::regnamespace, p.prsname) FROM pg_ts_parser p WHERE p.oid = t.cfgparser),
    'maps', (SELECT json_agg(json_build_array(m.maptokentype, m.mapdict::regdictionary::text) ORDER BY m.maptokentype, m.mapseqno)
               FROM pg_ts_config_map m WHERE m.mapcfg = t.oid))::text
  FROM pg_ts_config t
  JOIN pg_namespace n ON n.oid = t.cfgnamespace
  WHERE ${ofUsers('pg_ts_config', 't')}`,
  },
  {
    catalog: 'pg_ts_dict',
    sql: `
  SELECT 'text search dictionary', format('%I.%I', n.nspname, t.dictname), json_build_object(
    'options', t.dictinitoption,
    'template', (SELECT format('%s.%I', p.tmplnamespace::regnamespace, p.tmplname) FROM pg_ts_template p
                  WHERE p.oid = t.dicttemplate))::text
  FROM pg_ts_dict t
  JOIN pg_namespace n ON n.oid = t.dictnamespace
  WHERE ${ofUsers('pg_ts_dict', 't')}`,
  },
  {
    catalog: 'pg_ts_parser',
    sql: `
  SELECT 'text search parser', format('%I.%I', n.nspname, t.prsname), json_build_array(t.prsstart::regproc::text,
    t.prstoken::regproc::text, t.prsend::regproc::text, t.prsheadline::regproc::text, t.prslextype::regproc::text)::text
  FROM pg_ts_parser t
  JOIN pg_namespace n ON n.oid = t.prsnamespace
  WHERE ${ofUsers('pg_ts_parser', 't')}`,
  },
  {
    catalog: 'pg_ts_template',
    sql: `
  SELECT 'text search template', format('%I.%I', n.nspname, t.tmplname),
    json_build_array(t.tmplinit::regproc::text, t.tmpllexize::regproc::text)::text
  FROM pg_ts_template t
  JOIN pg_namespace n ON n.oid = t.tmplnamespace
  WHERE ${ofUsers('pg_ts_template', 't')}`,
  },
];

/** All columns but those that hold OIDs or say which library version sorted it: they differ between majors. */
const COLLATIONS = `
  SELECT 'collation', format('%I.%I', n.nspname, t.collname),
    (to_jsonb(t) - '{oid,collname,collnamespace,collowner,collversion}'::text[])::text
  FROM pg_collation t
  JOIN pg_namespace n ON n.oid = t.collnamespace
  WHERE ${ofUsers('pg_collation', 't')}`;

const CONVERSIONS = `
  SELECT 'conversion', format('%I.%I', n.nspname, t.conname), json_build_array(t.conforencoding, t.contoencoding,
    t.conproc::regproc::text, t.condefault)::text
  FROM pg_conversion t
  JOIN pg_namespace n ON n.oid = t.connamespace
  WHERE ${ofUsers('pg_conversion', 't')}`;

const PUBLICATIONS = `
  SELECT 'publication', quote_ident(p.pubname), (to_jsonb(p) - '{oid,pubname,pubowner}'::text[])::text
  FROM pg_publication p
  WHERE ${madeAfterInitdb('pg_publication', 'p')}`;

function publishedObjects(major: number): string[] {
  const columnsAndFilter = `(SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
    WHERE a.attrelid = r.prrelid AND a.attnum = ANY(r.prattrs)), pg_get_expr(r.prqual, r.prrelid)`;
  const tables = `
  SELECT 'published table', format('%I %s', p.pubname, r.prrelid::regclass),
    json_build_array(${major >= 15 ? columnsAndFilter : ''})::text
  FROM pg_publication_rel r
  JOIN pg_publication p ON p.oid = r.prpubid`;
  const schemas = `
  SELECT 'published schema', format('%I %s', p.pubname, r.pnnspid::regnamespace), ''
  FROM pg_publication_namespace r
  JOIN pg_publication p ON p.oid = r.pnpubid`;
  return major >= 15 ? [tables, schemas] : [tables];
}

const EVENT_TRIGGERS = `
  SELECT 'event trigger', quote_ident(t.evtname), json_build_object('event', t.evtevent,
    'function', t.evtfoid::regprocedure::text, 'enabled', t.evtenabled, 'tags', t.evttags)::text
  FROM pg_event_trigger t
  WHERE ${madeAfterInitdb('pg_event_trigger', 't')}`;

const WRAPPERS = `
  SELECT 'foreign data wrapper', quote_ident(w.fdwname), json_build_object('handler', w.fdwhandler::regproc::text,
    'validator', w.fdwvalidator::regproc::text, 'options', w.fdwoptions)::text
  FROM pg_foreign_data_wrapper w
  WHERE ${madeAfterInitdb('pg_foreign_data_wrapper', 'w')}`;

const SERVERS = `
  SELECT 'server', quote_ident(s.srvname), json_build_object('wrapper', w.fdwname, 'type', s.srvtype,
    'version', s.srvversion, 'options', s.srvoptions)::text
  FROM pg_foreign_server s
  JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
  WHERE ${madeAfterInitdb('pg_foreign_server', 's')}`;

const LANGUAGES = `
  SELECT 'language', quote_ident(l.lanname), json_build_array(l.lanpltrusted, l.lanplcallfoid::regproc::text,
    l.laninline::regproc::text, l.lanvalidator::regproc::text)::text
  FROM pg_language l
  WHERE ${madeAfterInitdb('pg_language', 'l')}`;

const ACCESS_METHODS = `
  SELECT 'access method', quote_ident(m.amname), json_build_array(m.amhandler::regproc::text, m.amtype)::text
  FROM pg_am m
  WHERE ${madeAfterInitdb('pg_am', 'm')}`;

/** initdb comments on everything it makes, and of that only the schema public may be changed by users. */
const COMMENTS = `
  SELECT 'comment', concat_ws(' ', o.type, o.identity), d.description
  FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) o
  WHERE (d.objoid >= 16384 OR (d.classoid = 'pg_namespace'::regclass AND d.objoid = to_regnamespace('public')))
    AND d.classoid <> 'pg_largeobject'::regclass
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = d.classoid AND e.objid = d.objoid AND e.deptype = 'e')`;
