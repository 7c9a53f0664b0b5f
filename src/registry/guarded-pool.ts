import type { PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely';
import pg from 'pg';
import { preparedName } from './prepared-statements.ts';

type Query = (text: string, values: readonly unknown[]) => Promise<PostgresQueryResult<unknown>>;

const nothing: PostgresQueryResult<unknown> = { command: 'SELECT', rowCount: 0, rows: [] };

/**
 * Hands out connections of which a broken one is never used again. Neither pg nor kysely see to that: the pool
 * takes its own error listener off while a connection is out, so that a break would end the process, and it
 * takes back a connection whose statement got no answer in time.
 */
export function guardPool(pool: pg.Pool): PostgresPool {
  const broken = new WeakMap<object, Error>();
  /** The first error tells why; what follows only tells that it is so. */
  const markBroken = (client: pg.PoolClient, error: Error) => {
    if (!broken.has(client)) broken.set(client, error);
  };
  // The statement under way, or the next one, reports it.
  pool.on('connect', (client) => client.on('error', (error) => markBroken(client, error)));

  function guard(client: pg.PoolClient): PostgresPoolClient {
    const query: Query = async (text, values) => {
      const earlier = broken.get(client);
      if (earlier === undefined) return run(text, values);
      return endWithout(text, earlier);
    };

    async function run(text: string, values: readonly unknown[]) {
      try {
        const name = preparedName(text);
        const config = { text, values: [...values], ...(name !== undefined && { name }) };
        return (await client.query(config)) as PostgresQueryResult<unknown>;
      } catch (error) {
        if (leavesInOrder(error)) throw error;
        markBroken(client, error as Error);
        return endWithout(text, error as Error);
      }
    }

    return {
      query: query as PostgresPoolClient['query'],
      release: () => client.release(broken.get(client)),
    };
  }

  return {
    connect: async () => guard(await pool.connect()),
    end: () => pool.end(),
  };
}

/** The server rolls back what a broken connection had begun; an error of that would hide the one that broke it. */
function endWithout(text: string, error: Error): PostgresQueryResult<unknown> {
  if (text === 'rollback') return nothing;
  throw error;
}

/** Only an error that the server itself answered with, and not as its last word. */
function leavesInOrder(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.severity !== 'FATAL';
}
