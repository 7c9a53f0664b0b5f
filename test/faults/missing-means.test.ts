import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach, describe, expect, it } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import {
  type Bench,
  type BenchOptions,
  createProvisioningBench,
  runOn,
} from '../support/provisioning-bench.ts';
import { startTestRedis } from '../support/redis-server.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

/** Longer than the pause that a run makes before it looks again for what an operator has to mend. */
const patienceMs = 40_000;

const opened: Bench[] = [];
async function openBench(options: BenchOptions = {}): Promise<Bench> {
  const bench = await createProvisioningBench(options);
  opened.push(bench);
  return bench;
}

async function closeBenches(): Promise<void> {
  for (const bench of opened.splice(0)) {
    const { registryName, config, server } = bench;
    await bench.stop();
    expect(
      await findInconsistencies(server, { registry: registryName, databasePrefix: config.TENANT_DB_PREFIX }),
    ).toEqual([]);
  }
}

afterEach(closeBenches);

/** What the operator reads: the reason kept with the run. */
async function reasonOf({ platform }: Bench, runId: string): Promise<string> {
  const run = await platform.registry
    .selectFrom('provisioningRuns')
    .select(['errorCode', 'errorDetail'])
    .where('id', '=', runId)
    .executeTakeFirstOrThrow();
  return `${run.errorCode}: ${run.errorDetail}`;
}

async function reasonSoon(bench: Bench, runId: string): Promise<string> {
  await expect.poll(() => reasonOf(bench, runId), { timeout: patienceMs }).not.toBe('null: null');
  return reasonOf(bench, runId);
}

async function completes(bench: Bench, runId: string): Promise<void> {
  expect(await bench.provisioning.waitForRun(runId, patienceMs)).toMatchObject({ status: 'completed' });
}

describe('a registration while something is missing', () => {
  it('waits for a source database that does not exist, and says which', async () => {
    const bench = await openBench({ environment: { SOURCE_DATABASE_NAME: `later_${process.pid}` } });
    const { runId } = await bench.request('Early');
    expect(await reasonSoon(bench, runId)).toMatch(
      /^source_database_missing: .*"later_\d+" does not exist.*SOURCE_DATABASE_NAME/,
    );
    expect(await bench.provisioning.readRun(runId)).toMatchObject({
      status: 'processing',
      error: { code: 'source_database_missing', message: expect.not.stringMatching(/later_/) },
    });
    await bench.runOn('postgres', `CREATE DATABASE later_${process.pid} TEMPLATE ${bench.sourceName}`);
    await completes(bench, runId);
  });

  it('waits for a source database that is empty, and says so', async () => {
    const name = `empty_${process.pid}`;
    await runOn(sharedPostgres(), 'postgres', `CREATE DATABASE ${name}`);
    const bench = await openBench({ environment: { SOURCE_DATABASE_NAME: name } });
    const { runId } = await bench.request('Early');
    expect(await reasonSoon(bench, runId)).toMatch(/^source_database_empty: .*has no tables/);
    await bench.runOn(name, 'CREATE TABLE public.things (id int)');
    await completes(bench, runId);
  });

  it('waits for a pg_dump that is missing, says how to get one, and succeeds once it is there', async () => {
    const tools = await mkdtemp(join(tmpdir(), 'tm-tools-'));
    const bench = await openBench({ environment: { PG_DUMP: join(tools, 'pg_dump') } });
    const { runId } = await bench.request('Early');
    expect(await reasonSoon(bench, runId)).toMatch(/^pg_dump_missing: .*PG_DUMP/);
    for (const name of ['pg_restore', 'pg_dump']) {
      await writeFile(join(tools, name), `#!/bin/sh\nexec ${name} "$@"\n`, { mode: 0o755 });
    }
    await completes(bench, runId);
  });

  it.each([
    ['too old', 'echo "pg_dump (PostgreSQL) 9.6.24"', /^pg_dump_too_old: .*9\.6/],
    [
      'failing halfway',
      '[ "$1" = --version ] && exec pg_dump --version; head -c 3000 /dev/zero; echo "connection lost halfway" >&2; exit 1',
      /^pg_dump_failed: .*connection lost halfway/,
    ],
  ])(
    'says what is wrong with a pg_dump that is %s, and succeeds once it is mended',
    async (_, script, reason) => {
      const tools = await mkdtemp(join(tmpdir(), 'tm-tools-'));
      const install = async (name: string, body: string) => {
        await writeFile(join(tools, name), `#!/bin/sh\n${body}\n`);
        await chmod(join(tools, name), 0o755);
      };
      await chmod(tools, 0o755);
      await install('pg_dump', script);
      await install('pg_restore', 'exec pg_restore "$@"');
      const bench = await openBench({ environment: { PG_DUMP: join(tools, 'pg_dump') } });
      const { runId } = await bench.request('Early');
      expect(await reasonSoon(bench, runId)).toMatch(reason);
      await install('pg_dump', 'exec pg_dump "$@"');
      await completes(bench, runId);
    },
  );

  it('fails with the statement that mends it when the admin may not create databases, and can be retried', async () => {
    const role = `weak_${process.pid}`;
    await runOn(
      sharedPostgres(),
      'postgres',
      `CREATE ROLE ${role} LOGIN CREATEROLE PASSWORD 'weak' IN ROLE pg_read_all_data`,
    );
    const bench = await openBench({
      environment: { POSTGRES_ADMIN_USER: role, POSTGRES_ADMIN_PASSWORD: 'weak' },
    });
    const { runId, tenantId } = await bench.request('Early');
    expect(await bench.provisioning.waitForRun(runId, patienceMs)).toMatchObject({ status: 'failed' });
    expect(await reasonOf(bench, runId)).toMatch(new RegExp(`^admin_lacks_rights: .*"${role}".*CREATEDB`));
    await bench.runOn('postgres', `ALTER ROLE ${role} SUPERUSER`);
    const again = await bench.provisioning.retryTenant(tenantId, {
      actor: { kind: 'operator', id: 'test' },
      requestId: 'test',
    });
    await completes(bench, again.runId ?? '');
  });

  it('succeeds once the server has connection slots again', async () => {
    const server = await startTestPostgres({ maxConnections: 40 });
    try {
      const bench = await openBench({ server });
      await completes(bench, (await bench.request('First')).runId);
      const hogs = await takeAllSlots(server);
      const { runId } = await bench.request('Crowded');
      expect(await reasonSoon(bench, runId)).toMatch(/^database_server_(full|unreachable): /);
      await Promise.all(hogs.map((hog) => hog.end()));
      await completes(bench, runId);
      await closeBenches();
    } finally {
      await server.stop();
    }
  });

  it('is accepted within its time while Redis is down, and succeeds once it is back', async () => {
    const redis = await startTestRedis();
    const bench = await openBench({ environment: { REDIS_URL: redis.url } });
    await redis.kill();
    const askedAt = Date.now();
    const { runId } = await bench.request('No Redis');
    expect(Date.now() - askedAt).toBeLessThan(5_000);
    expect(await bench.provisioning.readRun(runId)).toMatchObject({ status: 'pending' });
    await redis.restart();
    await completes(bench, runId);
    await closeBenches();
    await redis.stop();
  });
});

/** Leaves the slots that PostgreSQL keeps for superusers. */
async function takeAllSlots({ host, port, admin }: TestPostgres): Promise<pg.Client[]> {
  const hogs: pg.Client[] = [];
  for (;;) {
    const hog = new pg.Client({ host, port, ...admin, database: 'postgres' });
    hog.on('error', () => undefined);
    const isIn = await hog.connect().then(
      () => true,
      () => false,
    );
    if (!isIn) return hogs;
    hogs.push(hog);
  }
}
