import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import Fastify from 'fastify';
import { jwtVerify } from 'jose';
import pg from 'pg';
import { buildRead } from '../src/data-api/build-read.ts';
import { parseQuery } from '../src/data-api/parse-query.ts';
import { contextStatement } from '../src/data-api/request-context.ts';
import { runPipeline } from '../src/data-api/run-pipeline.ts';
import type { Rival } from './rivals.ts';

// What one would write by hand: a token is verified, a connection is found, the same two statements are sent. A process
// of its own, as the system has one; it says its port when it listens.
const rival = JSON.parse(await readFile(process.argv[2] ?? '', 'utf8')) as Rival;
const { kind, login, databaseOf, maxConnections, connectionsPerTenant } = rival;
const hmac = { name: 'HMAC', hash: 'SHA-256' };
const key = await webcrypto.subtle.importKey('raw', Buffer.from(rival.jwtSecret), hmac, false, ['verify']);

type Borrowed = { client: pg.Client | pg.PoolClient; giveBack: () => Promise<void> | void };

const newPool = (database: string, max: number) => {
  const pool = new pg.Pool({ ...login, database, max });
  pool.on('error', () => undefined);
  return pool;
};

async function borrowFrom(pool: pg.Pool): Promise<Borrowed> {
  const client = await pool.connect();
  return { client, giveBack: () => client.release() };
}

/** The newest is last; each entry is a pool of its own. */
const pools = new Map<string, pg.Pool>();

function leastRecentlyUsed(database: string): Promise<Borrowed> {
  const known = pools.get(database);
  const pool = known ?? newPool(database, connectionsPerTenant);
  pools.delete(database);
  pools.set(database, pool);
  const [oldest] = pools;
  if (known === undefined && pools.size > maxConnections && oldest !== undefined) {
    pools.delete(oldest[0]);
    void oldest[1].end();
  }
  return borrowFrom(pool);
}

async function connectAnew(database: string): Promise<Borrowed> {
  const client = new pg.Client({ ...login, database });
  client.on('error', () => undefined);
  await client.connect();
  return { client, giveBack: () => client.end() };
}

function keepOnePool(): (database: string) => Promise<Borrowed> {
  let pool: pg.Pool | undefined;
  return (database) => {
    pool ??= newPool(database, maxConnections);
    return borrowFrom(pool);
  };
}

const borrow: Record<Rival['kind'], (database: string) => Promise<Borrowed>> = {
  'one pool': keepOnePool(),
  'least recently used': leastRecentlyUsed,
  'a connection for each request': connectAnew,
  // The pooler bounds what the server sees; the process has a pool for each database, as with the server itself.
  PgBouncer: leastRecentlyUsed,
};

const app = Fastify();
app.get('/api/data/:table', async (request, reply) => {
  const { payload } = await jwtVerify(request.headers.authorization?.slice('Bearer '.length) ?? '', key);
  const database = databaseOf[String(payload.tenant_id)] ?? '';
  const { table } = request.params as { table: string };
  const query = parseQuery(request.url.split('?')[1] ?? '');
  const caller = { claims: payload, method: 'GET', path: request.url };
  const context = contextStatement({
    caller,
    schema: 'public',
    isReadOnly: true,
    statementTimeoutMs: 15_000,
  });
  const { client, giveBack } = await borrow[kind](database);
  try {
    const read = buildRead({ schema: 'public', table }, query, 1_000);
    const [body] = await runPipeline(client as pg.Client, [context, read]);
    return reply.type('application/json').send(body);
  } finally {
    await giveBack();
  }
});
const listening: Promise<string> = app.listen({ host: '127.0.0.1', port: rival.port, backlog: 4_096 });
await listening;
process.stdout.write('listening\n');
