import { dirname, join } from 'node:path';
import pg from 'pg';
import { endWithProcess } from '../test/support/end-with-process.ts';
import { startTestPostgres, type TestPostgres } from '../test/support/postgres-server.ts';
import { startTestRedis, type TestRedis } from '../test/support/redis-server.ts';

export type BenchServers = { postgres: TestPostgres; redis: TestRedis };

/** Servers of its own, durable as in production: with fsync off, a commit would cost nothing. */
export async function withServers<Result>(
  work: (servers: BenchServers) => Promise<Result>,
  settings: Record<string, string> = {},
): Promise<Result> {
  const postgres = await startTestPostgres({
    fsync: true,
    settings: { shared_buffers: '512MB', max_wal_size: '4GB', ...settings },
  });
  const { dataDir } = postgres;
  endWithProcess({ pidFile: join(dataDir, 'postmaster.pid'), signal: 'QUIT', folder: dirname(dataDir) });
  try {
    const redis = await startTestRedis();
    return await work({ postgres, redis }).finally(() => redis.stop());
  } finally {
    await postgres.stop();
  }
}

type Server = Pick<TestPostgres, 'host' | 'port' | 'admin'>;

export async function openAdmin({ host, port, admin }: Server, database: string): Promise<pg.Client> {
  const client = new pg.Client({ host, port, ...admin, database });
  // The next statement reports it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export async function inDatabase<Result>(
  server: Server,
  database: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = await openAdmin(server, database);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What is in a database, counted by kind: enough to tell a whole one from a half. */
export async function countObjects(server: Server, database: string): Promise<string> {
  return inDatabase(server, database, async (client) => {
    const { rows } = await client.query<{ found: string }>(`
      SELECT string_agg(kind || '=' || n, ' ' ORDER BY kind) AS found FROM (
        SELECT 'relation ' || relkind::text AS kind, count(*) AS n FROM pg_class
         WHERE relnamespace = 'public'::regnamespace GROUP BY 1
        UNION ALL SELECT 'constraint ' || contype::text, count(*) FROM pg_constraint
         WHERE connamespace = 'public'::regnamespace GROUP BY 1
        UNION ALL SELECT 'trigger', count(*) FROM pg_trigger
        UNION ALL SELECT 'function', count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
      ) counts`);
    return rows[0]?.found ?? 'nothing';
  });
}
