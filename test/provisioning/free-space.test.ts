import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { describeCapacity } from '../../src/registry/repositories/database-servers.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { type Bench, createProvisioningBench, runOn } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

const megabyte = 1024 * 1024;
const diskMegabytes = 700;

/** A small disk of its own; null where this process may not mount one. */
function mountDisk(): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMegabytes}m,mode=0755`, 'tmpfs', folder], {
      stdio: 'pipe',
    });
    return folder;
  } catch (error) {
    rmSync(folder, { recursive: true });
    console.log(`skipped: no small disk can be mounted here (${String(error).split('\n')[0]})`);
    return null;
  }
}

const disk = mountDisk();

describe.skipIf(disk === null)('a server whose disk is nearly full', () => {
  const place = disk ?? '';
  const ballast = join(place, 'ballast');
  let server: TestPostgres;
  let bench: Bench;
  beforeAll(async () => {
    const usualFolder = process.env.TMPDIR;
    process.env.TMPDIR = place;
    server = await startTestPostgres().finally(() => {
      if (usualFolder === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = usualFolder;
    });
    bench = await createProvisioningBench({ server, environment: { WARM_POOL_SIZE: '0' } });
    await bench.assembly.firstLook;
  });
  afterAll(async () => {
    await bench?.stop();
    await server?.stop();
    execFileSync('umount', [place]);
    rmSync(place, { recursive: true });
  });

  const freeBytes = async () => {
    const { bavail, bsize } = await statfs(place);
    return bavail * bsize;
  };

  it('is not tried; once there is room the same registration goes on by itself', async () => {
    expect(server.dataDir.startsWith(place)).toBe(true);
    const left = 100 * megabyte;
    writeFileSync(ballast, Buffer.alloc((await freeBytes()) - left));
    const { runId, tenantId } = await bench.request('No Room');
    await expect.poll(async () => (await runRow(runId)).errorCode).toBe('capacity_exhausted');
    const { errorDetail } = await runRow(runId);
    expect(errorDetail).toMatch(
      /no room for another database: .*has \d+\.\d MB free, and \d+\.\d MB are needed \(twice the \d+\.\d MB of "tm_\w+", and 128\.0 MB in reserve\)/,
    );
    const { databaseName } = await tenantRow(tenantId);
    const made = await runOn(
      server,
      'postgres',
      `SELECT 1 FROM pg_database WHERE datname = '${databaseName}'`,
    );
    expect(made.rowCount).toBe(0);
    // Nothing was tried, so that the server's checkpoints work.
    await runOn(server, 'postgres', 'CHECKPOINT');
    await rm(ballast);
    expect(await bench.provisioning.waitForRun(runId, 30_000)).toMatchObject({ status: 'completed' });
  });

  const runRow = (id: string) =>
    bench.platform.registry
      .selectFrom('provisioningRuns')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
  const tenantRow = (id: string) =>
    bench.platform.registry
      .selectFrom('tenantRegistry')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
});

describe('a server whose capacity is in the registry', () => {
  let bench: Bench;
  afterEach(async () => {
    await bench.stop();
    const { server, registryName: registry, config } = bench;
    expect(await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX })).toEqual(
      [],
    );
  });
  const limit = (column: 'capacity_databases' | 'capacity_bytes', value: number | null) =>
    sql`UPDATE database_servers SET ${sql.ref(column)} = ${value}`.execute(bench.platform.registry);
  const ends = (runIds: readonly string[]) =>
    Promise.all(runIds.map(async (id) => (await bench.provisioning.readRun(id))?.status));
  const placed = async () => {
    const { count } = await bench.platform.registry
      .selectFrom('tenantRegistry')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('serverId', 'is not', null)
      .executeTakeFirstOrThrow();
    return count;
  };

  it('never takes more than it has room for, however many come at once', async () => {
    bench = await createProvisioningBench({ environment: { WARM_POOL_SIZE: '0', QUEUE_CONCURRENCY: '8' } });
    await bench.assembly.firstLook;
    await limit('capacity_databases', 5);
    const asked = await Promise.all(Array.from({ length: 12 }, (_, index) => bench.request(`Many ${index}`)));
    const runIds = asked.map(({ runId }) => runId);
    await expect
      .poll(async () => (await ends(runIds)).filter((status) => status === 'completed').length)
      .toBe(5);
    await expect.poll(async () => (await Promise.all(runIds.map(errorOf))).filter(Boolean).length).toBe(7);
    expect(await placed()).toBe(5);
    const refused = (await Promise.all(runIds.map(errorOf))).find(Boolean);
    expect(refused).toMatch(/default has 5 of 5 databases/);
    await limit('capacity_databases', 100);
    await expect
      .poll(async () => (await ends(runIds)).filter((status) => status === 'completed').length, {
        timeout: 40_000,
      })
      .toBe(12);
  });

  const errorOf = async (runId: string) => {
    const { errorCode, errorDetail } = await bench.platform.registry
      .selectFrom('provisioningRuns')
      .select(['errorCode', 'errorDetail'])
      .where('id', '=', runId)
      .executeTakeFirstOrThrow();
    return errorCode === 'capacity_exhausted' ? errorDetail : null;
  };

  it('counts the bytes of its databases, from the moment that they are made', async () => {
    bench = await createProvisioningBench({ environment: { WARM_POOL_SIZE: '0' } });
    await bench.assembly.firstLook;
    const first = await bench.request('First');
    await bench.provisioning.waitForRun(first.runId, 30_000);
    await limit('capacity_bytes', megabyte);
    const second = await bench.request('Second');
    await expect
      .poll(() => errorOf(second.runId))
      .toMatch(/default has 1 of \d+ databases, \d{7,} of 1048576 bytes/);
    await limit('capacity_bytes', null);
    expect(await bench.provisioning.waitForRun(second.runId, 30_000)).toMatchObject({ status: 'completed' });
  });

  it('counts the bytes of those that are kept warm as well', async () => {
    bench = await createProvisioningBench({ environment: { WARM_POOL_SIZE: '1' } });
    const warm = () => bench.platform.registry.selectFrom('warmDatabases').selectAll().execute();
    await expect.poll(warm, { timeout: 30_000 }).toMatchObject([{ status: 'ready' }]);
    await limit('capacity_bytes', megabyte);
    expect(await describeCapacity(bench.platform.registry)).toMatch(
      /default has 1 of \d+ databases, \d{7,} of 1048576 bytes/,
    );
  });
});
