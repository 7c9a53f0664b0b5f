import pg from 'pg';
import type { DatabaseFacts, ServerLogin } from './database-facts.ts';

/**
 * What a dump of the schema does not show: what PUBLIC may do, versions of extensions, positions of sequences,
 * rows, settings, and what is switched off. Written apart from the product's own queries, which it judges.
 */
export async function factsApart(login: ServerLogin, database: string): Promise<DatabaseFacts> {
  const { host, port, admin } = login;
  const client = new pg.Client({ host, port, ...admin, database });
  await client.connect();
  try {
    await client.query('SET search_path = pg_catalog');
    const facts = new Map<string, string>();
    for (const sql of QUERIES) {
      const { rows } = await client.query<{ fact: string; value: string }>(sql);
      for (const { fact, value } of rows) facts.set(fact, value);
    }
    return facts;
  } finally {
    await client.end();
  }
}

const inUserSchemas = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'`;

/** The privileges out of the list that PUBLIC has, by the server's own judgement. */
function ofPublic(privileges: string, test: string): string {
  return `(SELECT coalesce(string_agg(p, ','), 'nothing') FROM unnest('{${privileges}}'::text[]) p WHERE ${test})`;
}

function privilegeFact(object: { kind: string; name: string; privileges: string; from: string }): string {
  const { kind, name, privileges, from } = object;
  return `SELECT 'PUBLIC on ${kind} ' || ${name} AS fact, ${privileges} AS value FROM ${from}`;
}

/** Of a query that is written for each object. */
function each(query: string): string {
  return `(xpath('/row/v/text()', query_to_xml(${query}, false, true, '')))[1]::text`;
}

const relations = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ${inUserSchemas}`;

const QUERIES = [
  privilegeFact({
    kind: 'relation',
    name: 'c.oid::regclass',
    privileges: ofPublic(
      'SELECT,INSERT,UPDATE,DELETE,TRUNCATE,TRIGGER,REFERENCES',
      "has_table_privilege('public', c.oid, p)",
    ),
    from: `pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')`,
  }),
  privilegeFact({
    kind: 'sequence',
    name: 'c.oid::regclass',
    privileges: ofPublic('USAGE,SELECT,UPDATE', "has_sequence_privilege('public', c.oid, p)"),
    from: `${relations} AND c.relkind = 'S'`,
  }),
  privilegeFact({
    kind: 'column',
    name: `format('%s.%I', c.oid::regclass, a.attname)`,
    privileges: ofPublic(
      'SELECT,INSERT,UPDATE,REFERENCES',
      "has_column_privilege('public', c.oid, a.attnum, p)",
    ),
    from: `pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE EXISTS (SELECT FROM aclexplode(a.attacl) x WHERE x.grantee = 0) AND ${inUserSchemas}`,
  }),
  privilegeFact({
    kind: 'function',
    name: 'f.oid::regprocedure',
    privileges: ofPublic('EXECUTE', "has_function_privilege('public', f.oid, p)"),
    from: 'pg_proc f',
  }),
  privilegeFact({
    kind: 'schema',
    name: 'n.nspname',
    privileges: ofPublic('USAGE,CREATE', "has_schema_privilege('public', n.oid, p)"),
    from: `pg_namespace n WHERE ${inUserSchemas}`,
  }),
  privilegeFact({
    kind: 'type',
    name: 't.oid::regtype',
    privileges: ofPublic('USAGE', "has_type_privilege('public', t.oid, p)"),
    from: `pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE ${inUserSchemas}`,
  }),
  privilegeFact({
    kind: 'language',
    name: 'l.lanname',
    privileges: ofPublic('USAGE', "has_language_privilege('public', l.oid, p)"),
    from: 'pg_language l',
  }),
  privilegeFact({
    kind: 'server',
    name: 's.srvname',
    privileges: ofPublic('USAGE', "has_server_privilege('public', s.oid, p)"),
    from: 'pg_foreign_server s',
  }),
  privilegeFact({
    kind: 'wrapper',
    name: 'w.fdwname',
    privileges: ofPublic('USAGE', "has_foreign_data_wrapper_privilege('public', w.oid, p)"),
    from: 'pg_foreign_data_wrapper w',
  }),
  // What PUBLIC will be able to do with what whoever owns most of the tables makes next.
  `WITH owner AS (SELECT c.relowner AS oid FROM ${relations} GROUP BY 1 ORDER BY count(*) DESC LIMIT 1)
   SELECT concat('PUBLIC on later ', k.type) AS fact,
          coalesce((SELECT string_agg(x.privilege_type, ',' ORDER BY x.privilege_type)
                      FROM aclexplode(coalesce(d.defaclacl, acldefault(k.standard::"char", o.oid))) x
                     WHERE x.grantee = 0), 'nothing') AS value
     FROM owner o CROSS JOIN (VALUES ('r', 'r'), ('S', 's'), ('f', 'f'), ('T', 'T'), ('n', 'n')) k(type, standard)
     LEFT JOIN pg_default_acl d ON d.defaclnamespace = 0 AND d.defaclobjtype::text = k.type AND d.defaclrole = o.oid`,
  `SELECT format('PUBLIC on later %s in %s', d.defaclobjtype, d.defaclnamespace::regnamespace) AS fact,
          string_agg(x.privilege_type, ',' ORDER BY x.privilege_type) AS value
     FROM pg_default_acl d, aclexplode(d.defaclacl) x WHERE d.defaclnamespace <> 0 AND x.grantee = 0 GROUP BY 1`,
  `SELECT 'extension ' || x.extname AS fact, concat(x.extversion, ' in ', x.extnamespace::regnamespace) AS value
     FROM pg_extension x`,
  `SELECT concat('sequence position ', c.oid::regclass) AS fact,
          ${each(`format('SELECT concat(last_value, is_called) AS v FROM %s', c.oid::regclass)`)} AS value
     FROM ${relations} AND c.relkind = 'S'`,
  `SELECT concat('rows of ', c.oid::regclass) AS fact,
          CASE WHEN NOT c.relispopulated THEN 'not populated' ELSE ${each(
            `format('SELECT concat(count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE "C"))) AS v FROM ONLY %s t', c.oid::regclass)`,
          )} END AS value
     FROM ${relations} AND c.relkind IN ('r', 'm')`,
  `SELECT 'setting ' || split_part(s, '=', 1) AS fact, s AS value FROM pg_db_role_setting r, unnest(r.setconfig) s
    WHERE r.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) AND r.setrole = 0`,
  `SELECT concat('storage of ', c.oid::regclass) AS fact, concat_ws(' ', m.amname, s.spcname) AS value
     FROM ${relations.replace('WHERE', 'LEFT JOIN pg_am m ON m.oid = c.relam LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE')}`,
  `SELECT concat('index ', i.indexrelid::regclass) AS fact, concat(i.indisvalid, i.indisready, i.indislive) AS value
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE ${inUserSchemas}`,
  `SELECT concat('checks of ', k.conname, ' on ', g.tgrelid::regclass) AS fact,
          string_agg(g.tgenabled::text, '' ORDER BY g.tgtype) AS value
     FROM pg_trigger g JOIN pg_constraint k ON k.oid = g.tgconstraint WHERE g.tgisinternal GROUP BY 1`,
  `SELECT 'locale' AS fact, concat_ws(' ', d.encoding, d.datcollate, d.datctype) AS value FROM pg_database d
    WHERE d.datname = current_database()`,
];
