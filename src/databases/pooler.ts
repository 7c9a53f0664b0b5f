import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

/** What answers at an address: PostgreSQL itself, or a pooler that keeps a session whole, or one that does not. */
export type Directness = 'direct' | 'session-pooler' | 'transaction-pooler';

/** Where to look, without any setting: a pooler refuses those that it does not know. */
export type ProbedLogin = Pick<
  pg.ClientConfig,
  'host' | 'port' | 'user' | 'password' | 'database' | 'ssl' | 'application_name'
>;

const limitMs = 5_000;
const rounds = 4;
const closeWithinMs = 1_000;

/**
 * Tells whether a connection is one to PostgreSQL itself. A server tells a client the number of its own backend;
 * a pooler makes one up. Whether it then keeps a session on one backend is seen by two connections that ask in
 * turns: with a pooler that lends backends per transaction or statement they meet on one, or move. Nothing is
 * set, locked or written, so that nothing can be left in a backend that others use.
 * @throws what connecting throws
 */
export async function probeDirectness(login: ProbedLogin): Promise<Directness> {
  const first = await connect(login);
  try {
    const pid = await readBackend(first);
    if ('processID' in first && first.processID === pid) return 'direct';
    const second = await connect(login);
    try {
      return (await staysApart(first, second)) ? 'session-pooler' : 'transaction-pooler';
    } catch (error) {
      // The only backend there is stays with the first, idle as it is.
      if (error instanceof Error && error.message === 'Query read timeout') return 'session-pooler';
      throw error;
    } finally {
      await end(second);
    }
  } finally {
    await end(first);
  }
}

async function staysApart(first: pg.Client, second: pg.Client): Promise<boolean> {
  const [ofFirst, ofSecond] = [new Set<number>(), new Set<number>()];
  for (let round = 0; round < rounds; round++) {
    ofFirst.add(await readBackend(first));
    ofSecond.add(await readBackend(second));
  }
  return new Set([...ofFirst, ...ofSecond]).size === 2 && ofFirst.size === 1 && ofSecond.size === 1;
}

async function connect(login: ProbedLogin): Promise<pg.Client> {
  const client = new pg.Client({ ...login, connectionTimeoutMillis: limitMs, query_timeout: limitMs });
  // Whatever breaks the connection rejects the question as well.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    void end(client);
    throw error;
  }
}

async function readBackend(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const [row] = rows;
  if (row === undefined) throw new Error('The server gave no row for a query without FROM.');
  return row.pid;
}

async function end(client: pg.Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  await Promise.race([ended, delay(closeWithinMs, undefined, { ref: false })]);
}
