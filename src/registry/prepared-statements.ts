import type { CompiledQuery, Kysely, QueryResult } from 'kysely';
import type { DB } from './tables.generated.ts';

type Compilable<Row> = { compile: (executor: Kysely<DB>) => CompiledQuery<Row> };

/** Far more than there are: texts that vary are not to fill the server's memory with plans. */
const mostStatements = 100;

const names = new Map<string, string>();

/**
 * Runs a statement that each connection parses and plans only once: for what somebody waits for, where planning
 * takes longer than the work. Its text must not vary by more than a few shapes, and its columns must be named: a
 * plan that was made for `*` fails once a migration has added a column.
 */
export async function runPrepared<Row>(executor: Kysely<DB>, query: Compilable<Row>): Promise<Row[]> {
  const compiled = query.compile(executor);
  if (!names.has(compiled.sql) && names.size < mostStatements) {
    names.set(compiled.sql, `prepared_${names.size}`);
  }
  const result: QueryResult<Row> = await executor.executeQuery(compiled);
  return result.rows;
}

/** Under which name a connection keeps the statement; undefined for one that is planned each time. */
export const preparedName = (text: string): string | undefined => names.get(text);
