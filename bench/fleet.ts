import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDeployment } from '../test/support/deployment.ts';
import { type BenchServers, inDatabase, openAdmin } from './bench-server.ts';
import { warmPoolVariable } from './installation.ts';

/** Rarely enough that the looks themselves are no load. */
const pollMs = 25;
const settleWithinMs = 300_000;

export type Fleet = Awaited<ReturnType<typeof startFleet>>;

export type FleetOptions = { warmPool: number; environment?: Record<string, string> };

/** One api and one worker process with the sample CRM, and the plain SQL that says how far they are. */
export async function startFleet({ postgres, redis }: BenchServers, options: FleetOptions) {
  const deployment = await createDeployment({
    api: 1,
    worker: 1,
    server: postgres,
    environment: {
      REDIS_URL: redis.url,
      PROVISIONING_WAIT_MS: '20000',
      [warmPoolVariable]: String(options.warmPool),
      ...options.environment,
    },
  });
  const [api] = deployment.apis;
  // Kept open: a login for each look would take a core.
  const registry = await openAdmin(postgres, deployment.registryName);
  const inRegistry = async <Row>(sql: string) => (await registry.query(sql)).rows as Row[];

  async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
    const deadline = Date.now() + settleWithinMs;
    while (!(await isSo())) {
      if (Date.now() > deadline) throw new Error(`After ${settleWithinMs / 1_000} s still not: ${what}`);
      await sleep(pollMs);
    }
  }

  async function stopProcesses(): Promise<void> {
    await registry.end();
    await deployment.stop();
  }

  return {
    deployment,
    api,
    inRegistry,
    until,
    register: (headers: Record<string, string> = {}) =>
      api.register(`Bench ${randomUUID()}`, `${randomUUID()}@example.com`, headers),
    untilWarm: (count: number) =>
      until(async () => {
        const [row] = await inRegistry<{ ready: number }>(
          `SELECT count(*)::int AS ready FROM warm_databases WHERE status = 'ready'`,
        );
        return (row?.ready ?? 0) >= count;
      }, `${count} warm databases`),
    /** For servers that are thrown away with all databases. */
    stopProcesses,
    /** The databases go by the prefix that only this fleet has. */
    async stop(): Promise<void> {
      await stopProcesses();
      await dropDatabases(postgres, deployment.environment.TENANT_DB_PREFIX ?? '');
    },
  };
}

async function dropDatabases(server: BenchServers['postgres'], prefix: string): Promise<void> {
  if (prefix === '') throw new Error('Without a prefix, everything would go.');
  await inDatabase(server, 'postgres', async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT datname::text AS name FROM pg_database WHERE starts_with(datname, $1)',
      [prefix],
    );
    for (const { name } of rows) await client.query(`DROP DATABASE "${name}" WITH (FORCE)`);
  });
}
