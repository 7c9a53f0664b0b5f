import type pg from 'pg';

type Table = { name: string; columns: { name: string; value: string }[] };

/** What happened to a row: it went in, or the server's reason against it. */
export type InsertOutcome = { readonly table: string; readonly outcome: string };

/**
 * Everything that takes rows, with each column that must be given, and a value of its type or of the row that it
 * refers to. A value may break a rule of the application's; that it comes to that proves that the role may insert.
 */
const INSERTABLE = `
  WITH RECURSIVE base AS (
    SELECT t.oid, t.oid AS type FROM pg_type t
    UNION ALL
    SELECT b.oid, t.typbasetype FROM base b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
  )
  SELECT c.oid::regclass::text AS name, coalesce((
    SELECT json_agg(json_build_object('name', quote_ident(a.attname), 'value', format('%s::%s',
        CASE WHEN k.column IS NOT NULL THEN format('(SELECT %s FROM %s LIMIT 1)', k.column, k.table)
             WHEN $1::jsonb ? d.typname THEN quote_literal($1::jsonb ->> d.typname)
             WHEN t.typname = 'uuid' THEN 'gen_random_uuid()'
             WHEN t.typname IN ('json', 'jsonb') THEN quote_literal('{}')
             WHEN t.typname = 'bytea' THEN quote_literal('x')
             WHEN t.typname = 'xml' THEN quote_literal('<x/>')
             WHEN t.typname IN ('inet', 'cidr') THEN quote_literal('10.0.0.1')
             WHEN t.typtype = 'e' THEN quote_literal((SELECT enumlabel FROM pg_enum WHERE enumtypid = t.oid
                                                       ORDER BY enumsortorder LIMIT 1))
             WHEN t.typcategory = 'N' THEN quote_literal('1') WHEN t.typcategory = 'B' THEN quote_literal('true')
             WHEN t.typname = 'time' THEN quote_literal('12:00')
             WHEN t.typcategory = 'D' THEN quote_literal('2026-06-01')
             WHEN t.typcategory = 'T' THEN quote_literal('1 day') WHEN t.typcategory = 'A' THEN quote_literal('{}')
             WHEN t.typcategory = 'R' THEN quote_literal('empty') WHEN t.typcategory = 'S' THEN quote_literal('x')
             ELSE 'NULL' END, format_type(a.atttypid, a.atttypmod))) ORDER BY a.attnum)
      FROM pg_attribute a JOIN pg_type d ON d.oid = a.atttypid JOIN base b ON b.oid = d.oid JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
      LEFT JOIN LATERAL (
        SELECT quote_ident(r.attname) AS column, f.confrelid::regclass::text AS table
          FROM pg_constraint f JOIN pg_attribute r ON r.attrelid = f.confrelid
           AND r.attnum = f.confkey[array_position(f.conkey, a.attnum)]
         WHERE f.conrelid = c.oid AND f.contype = 'f' AND a.attnum = ANY(f.conkey) LIMIT 1) k ON true
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND (a.attnotnull OR c.relkind = 'v')
       AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = ''), '[]') AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v', 'f')
     AND pg_relation_is_updatable(c.oid, true) & 8 = 8
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
   ORDER BY 1`;

/** As deep as tables refer to each other. */
const ROUNDS = 4;

/**
 * Gives each a row; those whose row was refused again in the next round, when there is more to refer to.
 * `values` has one for each type whose values must be of a certain form.
 */
export async function insertEverywhere(
  client: pg.Client,
  values: Readonly<Record<string, string>>,
): Promise<InsertOutcome[]> {
  const { rows: tables } = await client.query<Table>(INSERTABLE, [JSON.stringify(values)]);
  const outcomes = new Map<string, string>();
  for (let round = 1; round <= ROUNDS; round += 1) {
    const open = tables.filter(({ name }) => outcomes.get(name) !== 'inserted');
    for (const table of open) outcomes.set(table.name, await tryRow(client, table));
  }
  return [...outcomes].map(([table, outcome]) => ({ table, outcome }));
}

async function tryRow(client: pg.Client, { name, columns }: Table): Promise<string> {
  const list = columns.map((column) => column.name).join(', ');
  const values = columns.map(({ value }) => value).join(', ');
  const row = columns.length === 0 ? 'DEFAULT VALUES' : `(${list}) VALUES (${values})`;
  return client.query(`INSERT INTO ${name} ${row}`).then(
    () => 'inserted',
    (error: unknown) => describe(error),
  );
}

function describe(error: unknown): string {
  if (!(error instanceof Error && 'code' in error)) throw error;
  const isPolicy = error.code === '42501' && error.message.includes('row-level security policy');
  return isPolicy ? 'refused by a policy' : `${error.code}: ${error.message}`;
}

/** Statements that change the schema, each for itself; `{table}` is one of the tenant's tables. */
const schemaChanges = [
  'CREATE TABLE {schema}.mine (id int)',
  'CREATE VIEW {schema}.mine AS SELECT 1',
  'CREATE MATERIALIZED VIEW {schema}.mine AS SELECT 1 AS one',
  'CREATE SEQUENCE {schema}.mine',
  "CREATE TYPE {schema}.mine AS ENUM ('a')",
  'CREATE DOMAIN {schema}.mine AS text',
  "CREATE FUNCTION {schema}.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
  "CREATE PROCEDURE {schema}.mine() LANGUAGE sql AS 'SELECT 1'",
  'CREATE AGGREGATE {schema}.mine(int) (SFUNC = int4pl, STYPE = int)',
  'CREATE OPERATOR {schema}.|+++| (LEFTARG = text, RIGHTARG = text, FUNCTION = textcat)',
  "CREATE COLLATION {schema}.mine (locale = 'C')",
  'CREATE TEXT SEARCH CONFIGURATION {schema}.mine (COPY = simple)',
  'CREATE STATISTICS {schema}.mine ON oid, relname FROM {table}',
  'CREATE SCHEMA mine',
  'CREATE EXTENSION citext SCHEMA {schema}',
  'CREATE CAST (int AS uuid) WITH INOUT',
  'CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION mine()',
  'CREATE PUBLICATION mine',
  'CREATE FOREIGN DATA WRAPPER mine',
  "CREATE SUBSCRIPTION mine CONNECTION '' PUBLICATION p WITH (connect = false)",
  'CREATE INDEX ON {table} ((1))',
  'CREATE TRIGGER mine BEFORE INSERT ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()',
  'CREATE RULE mine AS ON INSERT TO {table} DO ALSO NOTHING',
  'CREATE POLICY mine ON {table}',
  'ALTER TABLE {table} ADD COLUMN mine int',
  'ALTER TABLE {table} DISABLE ROW LEVEL SECURITY',
  'ALTER TABLE {table} OWNER TO CURRENT_USER',
  'ALTER TABLE {table} DISABLE TRIGGER ALL',
  'ALTER TABLE {table} RENAME TO mine',
  'ALTER SCHEMA {schema} RENAME TO mine',
  "COMMENT ON TABLE {table} IS 'mine'",
  'DROP TABLE {table}',
  'DROP SCHEMA {schema} CASCADE',
  'TRUNCATE {table}',
  'CREATE DATABASE mine',
  'CREATE ROLE mine',
] as const;

/** Those that the server did not refuse for want of a right. */
export async function allowedChanges(client: pg.Client, schema: string, table: string): Promise<string[]> {
  const allowed: string[] = [];
  for (const change of schemaChanges) {
    const sql = change.replaceAll('{schema}', schema).replaceAll('{table}', table);
    const outcome = await client.query(sql).then(
      () => 'done',
      (error: unknown) => describe(error),
    );
    if (!outcome.startsWith('42501: ')) allowed.push(`${sql}: ${outcome}`);
  }
  return allowed;
}
