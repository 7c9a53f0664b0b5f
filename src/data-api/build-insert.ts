import { quoteIdentifier } from '../databases/quote.ts';
import type { Relation, SelectItem } from './data-query.ts';
import type { InsertBody } from './parse-body.ts';
import { quoteRelation, type Statement, selectList } from './statement.ts';

export type Insertion = {
  readonly relation: Relation;
  readonly body: InsertBody;
  /** What of the new rows is answered; undefined: nothing, and no right to read is needed. */
  readonly returning: readonly SelectItem[] | undefined;
};

/** The server reads the JSON into the table's own row type. Columns that are not named get their defaults. */
export function buildInsert({ relation, body, returning }: Insertion): Statement {
  const insert = `INSERT INTO ${quoteRelation(relation)}${source(relation, body)}`;
  if (returning === undefined) return { text: insert, values: [body.rows] };
  const rows = `${insert} RETURNING ${selectList(relation, returning)}`;
  const text = `WITH pgrst_rows AS (${rows}) SELECT coalesce(pg_catalog.json_agg(pgrst_rows.*), '[]')::text, pg_catalog.count(*) FROM pgrst_rows`;
  return { text, values: [body.rows] };
}

function source(relation: Relation, { columns }: InsertBody): string {
  // No column at all: as many rows of defaults as there are objects.
  if (columns.length === 0) return ' SELECT FROM pg_catalog.json_array_elements($1::json)';
  const names = columns.map(quoteIdentifier);
  const read = names.map((name) => `pgrst_body.${name}`).join(', ');
  const rowType = quoteRelation(relation);
  return ` (${names.join(', ')}) SELECT ${read} FROM pg_catalog.json_populate_recordset(NULL::${rowType}, $1::json) pgrst_body`;
}
