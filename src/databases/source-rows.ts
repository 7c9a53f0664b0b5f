import { createHash } from 'node:crypto';
import type pg from 'pg';
import { copyOut } from './copy-out.ts';
import type { DataTable } from './fingerprint-carried-rows.ts';
import { quoteIdentifier } from './quote.ts';

const MODULUS = 2n ** 256n;

/**
 * The rows of a table of the source as one digest that does not depend on their order. Read by COPY, because the
 * reader is a superuser: a SELECT would run the author's code where the name has meanwhile become a view, and the
 * planner runs immutable functions of the table's indexes and statistics. COPY plans nothing, takes a plain table
 * only, looks at its kind under its own lock, and calls nothing but the output functions of types, which only a
 * superuser can make.
 */
export async function digestTable(client: pg.Client, { schema, table }: DataTable): Promise<string> {
  let [rows, sum] = [0, 0n];
  const statement = `COPY ${quoteIdentifier(schema)}.${quoteIdentifier(table)} TO STDOUT`;
  await copyOut(client, statement, (line) => {
    rows += 1;
    sum = (sum + BigInt(`0x${createHash('sha256').update(line).digest('hex')}`)) % MODULUS;
  });
  return `${rows} ${sum.toString(16)}`;
}
