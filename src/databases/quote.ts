import pg from 'pg';
import { assertIdentifierFits } from './database-name.ts';

/** The name as an SQL identifier. Throws a TypeError on what PostgreSQL would refuse or cut short. */
export function quoteIdentifier(name: string): string {
  assertIdentifierFits(name);
  return pg.escapeIdentifier(name);
}

/** The value as an SQL string literal, for statements that take no bound values (CREATE ROLE, ALTER ROLE). */
export function quoteLiteral(value: string): string {
  if (value.includes('\0')) throw new TypeError('A literal cannot contain a NUL character.');
  return pg.escapeLiteral(value);
}
