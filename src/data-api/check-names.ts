import { assertIdentifierFits } from '../databases/database-name.ts';
import { DataError, dataErrors } from './data-error.ts';
import type { DataQuery, Relation } from './data-query.ts';

/**
 * Refuses names that no object can have: empty, with NUL, or longer than PostgreSQL keeps. Nothing of them
 * reaches the server, which would cut them short and find something else.
 */
export function checkNames({ schema, table }: Relation, query: DataQuery): void {
  if (!fits(schema) || !fits(table)) throw dataErrors.unknownTable(schema, table);
  for (const column of columnsOf(query)) {
    if (!fits(column)) throw undefinedColumn(table, column);
  }
  for (const column of query.columns ?? []) {
    if (!fits(column)) throw dataErrors.unknownColumn(column, table);
  }
  for (const item of query.select) {
    if (item.kind === 'column' && item.alias !== undefined && !fits(item.alias)) {
      throw dataErrors.unparsable('failed to parse select parameter', 1, 'an alias has 1 to 63 bytes');
    }
  }
}

/** The same for the members of a body. */
export function checkBodyColumns({ table }: Relation, columns: readonly string[]): void {
  const wrong = columns.find((column) => !fits(column));
  if (wrong !== undefined) throw dataErrors.unknownColumn(wrong, table);
}

function columnsOf({ select, conditions, order }: DataQuery): string[] {
  const selected = select.flatMap((item) => (item.kind === 'column' ? [item.column] : []));
  return [...selected, ...conditions.map(({ column }) => column), ...order.map(({ column }) => column)];
}

function fits(name: string): boolean {
  try {
    assertIdentifierFits(name);
    return true;
  } catch {
    return false;
  }
}

/** In the server's words. */
const undefinedColumn = (table: string, column: string) =>
  new DataError(400, { code: '42703', message: `column ${table}.${column} does not exist` });
