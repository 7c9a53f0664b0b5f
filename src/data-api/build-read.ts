import type { DataQuery, OrderTerm, Relation } from './data-query.ts';
import { quoteColumn, quoteRelation, type Statement, selectList, Values, whereClause } from './statement.ts';

/** One row: `body`, a JSON array made by the server, and how many rows are in it. */
export function buildRead(relation: Relation, query: DataQuery, maxRows: number): Statement {
  const values = new Values();
  const where = whereClause(relation, query.conditions, values);
  const limit = values.bind(String(Math.min(query.limit ?? maxRows, maxRows)));
  const offset = query.offset === 0 ? '' : ` OFFSET ${values.bind(String(query.offset))}`;
  const rows = [
    `SELECT ${selectList(relation, query.select)} FROM ${quoteRelation(relation)}${where}`,
    `${orderClause(relation, query.order)} LIMIT ${limit}${offset}`,
  ].join('');
  // With the star it is the whole row even if a column has the name of the alias.
  const text = `SELECT coalesce(pg_catalog.json_agg(pgrst_rows.*), '[]')::text, pg_catalog.count(*) FROM (${rows}) pgrst_rows`;
  return { text, values: values.list };
}

function orderClause(relation: Relation, order: readonly OrderTerm[]): string {
  if (order.length === 0) return '';
  return ` ORDER BY ${order.map((term) => orderTerm(relation, term)).join(', ')}`;
}

function orderTerm(relation: Relation, { column, direction, nulls }: OrderTerm): string {
  const parts = [quoteColumn(relation, column)];
  if (direction !== undefined) parts.push(direction === 'desc' ? 'DESC' : 'ASC');
  if (nulls !== undefined) parts.push(nulls === 'first' ? 'NULLS FIRST' : 'NULLS LAST');
  return parts.join(' ');
}
