import type pg from 'pg';
import { ofUsers } from './fingerprint-context.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';

/** A table whose rows tenants get. Of a partitioned one, each partition that holds rows. */
export type DataTable = { readonly schema: string; readonly table: string };

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
  )
  SELECT t.name, n.nspname::text AS schema, c.relname::text AS "table"
    FROM tree t
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.oid
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
   WHERE t.relkind IS DISTINCT FROM 'p'
   ORDER BY 1, 2, 3`;

type NamedTable = { name: string; schema: string | null; table: string | null };

/** Finds the tables; `missing` are the names that fit none. */
export async function resolveDataTables(
  client: Pick<pg.Client, 'query'>,
  names: readonly string[],
): Promise<{ tables: DataTable[]; missing: string[] }> {
  if (names.length === 0) return { tables: [], missing: [] };
  const { rows } = await client.query<NamedTable>(NAMED_TABLES, [[...names]]);
  const tables = rows.flatMap(({ schema, table }) =>
    schema === null || table === null ? [] : [{ schema, table }],
  );
  return { tables, missing: rows.filter(({ table }) => table === null).map(({ name }) => name) };
}

/**
 * The rows of a table as one digest that does not depend on their order. By the output function and not by a
 * cast to text or JSON: the author of a table may have made a cast of it, and that would run here.
 */
export function rowDigestQuery({ schema, table }: DataTable): string {
  const name = `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
  return `
  SELECT 'rows', ${quoteLiteral(name)}, concat(count(*), ' ', md5(string_agg(d.digest, '' ORDER BY d.digest COLLATE "C")))
  FROM (SELECT md5(textin(record_out(t))) AS digest FROM ONLY ${name} t) d`;
}
