import { quoteIdentifier } from '../databases/quote.ts';
import type { Statement } from './statement.ts';

/** What row security and triggers of the tenant see of a request. */
export type DataCaller = {
  /** `request.jwt.claims`, as JSON. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly method: string;
  readonly path: string;
};

export type ContextOptions = {
  readonly caller: DataCaller;
  readonly schema: string;
  readonly isReadOnly: boolean;
  readonly statementTimeoutMs: number;
};

const set = (name: string, value: string) => `pg_catalog.set_config('${name}', ${value}, true)`;
const settings = ['request.jwt.claims', 'request.method', 'request.path', 'search_path', 'statement_timeout'];
const always = `SELECT ${settings.map((name, index) => set(name, `$${index + 1}`)).join(', ')}`;
const readOnly = `${always}, ${set('transaction_read_only', "'on'")}`;

/**
 * Runs first in the transaction of a request; everything in it ends with the transaction. It sets all that the
 * platform relies on, so that it does not matter what a trigger of the tenant's has set for its session.
 */
export function contextStatement({
  caller,
  schema,
  isReadOnly,
  statementTimeoutMs,
}: ContextOptions): Statement {
  const searchPath = schema === 'public' ? 'public' : `${quoteIdentifier(schema)}, public`;
  return {
    text: isReadOnly ? readOnly : always,
    values: [
      JSON.stringify(caller.claims),
      caller.method,
      caller.path,
      searchPath,
      String(statementTimeoutMs),
    ],
  };
}
