import type pg from 'pg';
import { ofUsers } from './fingerprint-context.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';

/** A table whose rows tenants get (of a partitioned one, each partition that holds rows itself), or its sequence. */
export type DataTable = {
  readonly schema: string;
  readonly table: string;
  /** Both names as in the fingerprint, quoted where they must be. */
  readonly identity: string;
};

/** The position of a sequence says where the next tenant's numbers begin. */
export const SEQUENCE_POSITIONS = `
  SELECT 'sequence position', format('%I.%I', n.nspname, c.relname),
    CASE WHEN has_sequence_privilege(c.oid, 'USAGE, SELECT') THEN pg_sequence_last_value(c.oid)::text END
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'S' AND ${ofUsers('pg_class', 'c')}`;

/** The tables named in SOURCE_DATA_TABLES, as `schema.table` or as `table` of the schema public. */
const NAMED_TABLES = `
  WITH RECURSIVE named AS (
    SELECT w.name, c.oid, c.relkind
      FROM unnest($1::text[]) w(name)
      LEFT JOIN (pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
        ON c.relkind IN ('r', 'p')
       AND replace(w.name, '"', '') IN (n.nspname || '.' || c.relname, CASE n.nspname WHEN 'public' THEN c.relname END)
  ), tree AS (
    SELECT name, oid, relkind FROM named
    UNION
    SELECT t.name, c.oid, c.relkind
      FROM tree t
      JOIN pg_catalog.pg_inherits i ON i.inhparent = t.oid AND t.relkind = 'p'
      JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
  ), numbering AS (
    SELECT d.objid AS oid FROM pg_catalog.pg_depend d
     WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
       AND d.refobjid IN (SELECT oid FROM tree) AND d.deptype IN ('a', 'i')
    UNION
    SELECT d.refobjid FROM pg_catalog.pg_attrdef a
      JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = a.oid
     WHERE a.adrelid IN (SELECT oid FROM tree) AND d.refclassid = 'pg_catalog.pg_class'::regclass
  ), found AS (
    SELECT name, oid, relkind FROM tree WHERE oid IS NULL OR relkind = 'r'
    UNION ALL
    SELECT NULL, c.oid, c.relkind FROM numbering u JOIN pg_catalog.pg_class c ON c.oid = u.oid AND c.relkind = 'S'
  )
  SELECT f.name, f.relkind = 'S' AS "isSequence", n.nspname::text AS schema, c.relname::text AS "table",
         quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS identity
    FROM found f
    LEFT JOIN pg_catalog.pg_class c ON c.oid = f.oid
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   ORDER BY 3, 4`;

type NamedTable = {
  name: string | null;
  isSequence: boolean;
  schema: string | null;
  table: string | null;
  identity: string;
};

export type DataTables = {
  readonly tables: readonly DataTable[];
  /** Where the tables take their numbers from. */
  readonly sequences: readonly DataTable[];
  /** The names that fit no table. */
  readonly missing: readonly string[];
};

export async function resolveDataTables(
  client: Pick<pg.Client, 'query'>,
  names: readonly string[],
): Promise<DataTables> {
  if (names.length === 0) return { tables: [], sequences: [], missing: [] };
  const { rows } = await client.query<NamedTable>(NAMED_TABLES, [[...new Set(names)]]);
  const found = rows.flatMap(({ isSequence, schema, table, identity }) =>
    schema === null || table === null ? [] : [{ isSequence, schema, table, identity }],
  );
  return {
    tables: found.filter(({ isSequence }) => !isSequence),
    sequences: found.filter(({ isSequence }) => isSequence),
    missing: rows.flatMap(({ table, name }) => (table === null && name !== null ? [name] : [])),
  };
}

/**
 * The rows of a table as one digest that does not depend on their order. By the output function and not by a
 * cast to text or JSON: the author of a table may have made a cast of it, and that would run here. Never to be run
 * by a superuser: of a source the rows are read by `digestTable`.
 */
export function rowDigestQuery({ schema, table }: DataTable): string {
  const name = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  return `
  SELECT 'rows', ${quoteLiteral(name)}, concat(count(*), ' ', md5(string_agg(d.digest, '' ORDER BY d.digest COLLATE "C")))
  FROM (SELECT md5(textin(record_out(t))) AS digest FROM ONLY ${name} t) d`;
}
