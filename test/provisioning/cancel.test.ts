import { afterEach, describe, expect, it } from 'vitest';
import type { Around } from '../../src/provisioning/failpoints.ts';
import { gate, holdAt } from '../support/hold-at.ts';
import { type Bench, type BenchOptions, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

const operator = { actor: { kind: 'operator', id: 'test' }, requestId: 'test' } as const;
const because = { ...operator, reason: 'signed up twice' };

const rounds = 8;

let bench: Bench;
async function start(options: BenchOptions = {}): Promise<Bench> {
  bench = await createProvisioningBench(options);
  return bench;
}
afterEach(async () => {
  await bench.stop();
  const { server, registryName: registry, config } = bench;
  expect(await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX })).toEqual(
    [],
  );
});

const tenantRow = (id: string) =>
  bench.platform.registry
    .selectFrom('tenantRegistry')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
const runRow = (id: string) =>
  bench.platform.registry
    .selectFrom('provisioningRuns')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
const auditOf = async (tenantId: string) =>
  (
    await bench.platform.registry
      .selectFrom('auditLog')
      .select('action')
      .where('tenantId', '=', tenantId)
      .orderBy('id')
      .execute()
  ).map(({ action }) => action);

async function expectTakenBack(tenantId: string): Promise<void> {
  expect(await tenantRow(tenantId)).toMatchObject({
    status: 'failed',
    statusReason: 'cancelled: signed up twice',
    databaseName: null,
    sealedMigratorPassword: null,
    serverId: null,
  });
}

describe('cancelling a tenant that is being made', () => {
  it.each([
    'prepare-template',
    'reserve-database',
    'create-roles',
    'create-database',
    'verify-database',
    'activate-tenant',
  ])('takes everything back although %s hangs', async (point) => {
    const hold = holdAt(point);
    await start({ around: hold.around });
    const { tenantId, runId } = await bench.request('Two of us');
    await hold.arrived;
    expect(await bench.provisioning.cancelTenant(tenantId, because)).toMatchObject({ runId });
    expect(await bench.provisioning.waitForRun(runId, 20_000)).toMatchObject({
      status: 'cancelled',
      error: { code: 'cancelled' },
    });
    await expectTakenBack(tenantId);
    expect(await runRow(runId)).toMatchObject({ errorCode: 'cancelled', needsAttention: false });
    expect(await auditOf(tenantId)).toEqual([
      'tenant.requested',
      'tenant.cancel_requested',
      'tenant.provision_cancelled',
    ]);
    // The step that hung wakes up when nothing is its business any more.
    hold.release();
    await expect.poll(() => hold.ends).toEqual(['rejected']);
    await expectTakenBack(tenantId);
  });

  it('takes back a database that was made already', async () => {
    const hold = holdAt('seal-database', { when: 'after' });
    await start({ around: hold.around });
    const { tenantId, runId } = await bench.request('Sealed Already');
    await hold.arrived;
    const { databaseName } = await tenantRow(tenantId);
    const exists = `SELECT 1 FROM pg_database WHERE datname = '${databaseName}'`;
    expect((await bench.runOn('postgres', exists)).rows).toHaveLength(1);
    await bench.provisioning.cancelTenant(tenantId, because);
    await bench.provisioning.waitForRun(runId, 20_000);
    expect((await bench.runOn('postgres', exists)).rows).toHaveLength(0);
    await expectTakenBack(tenantId);
    hold.release();
  });

  it('that nobody works on is undone by whoever is rung', async () => {
    await start({ environment: { SOURCE_DATABASE_NAME: 'never_there' } });
    const { tenantId, runId } = await bench.request('Waits For A Source');
    await expect.poll(async () => (await runRow(runId)).errorCode).toBe('source_database_missing');
    await bench.provisioning.cancelTenant(tenantId, because);
    expect(await bench.provisioning.waitForRun(runId, 10_000)).toMatchObject({ status: 'cancelled' });
    await expectTakenBack(tenantId);
  });

  it('may be asked for any number of times, and is one cancellation', async () => {
    const hold = holdAt('create-roles');
    await start({ around: hold.around });
    const { tenantId, runId } = await bench.request('Asked Often');
    await hold.arrived;
    const asked = await Promise.all(
      Array.from({ length: 8 }, () => bench.provisioning.cancelTenant(tenantId, because)),
    );
    expect(new Set(asked.map((each) => each.runId))).toEqual(new Set([runId]));
    await bench.provisioning.waitForRun(runId, 20_000);
    expect((await bench.provisioning.cancelTenant(tenantId, because)).runId).toBe(runId);
    expect((await auditOf(tenantId)).filter((action) => action === 'tenant.cancel_requested')).toHaveLength(
      1,
    );
    await expectTakenBack(tenantId);
    hold.release();
  });

  it('can be retried afterwards', async () => {
    const hold = holdAt('create-roles');
    await start({ around: hold.around });
    const { tenantId, runId } = await bench.request('Second Thoughts');
    await hold.arrived;
    await bench.provisioning.cancelTenant(tenantId, because);
    await bench.provisioning.waitForRun(runId, 20_000);
    hold.release();
    const retried = await bench.provisioning.retryTenant(tenantId, operator);
    expect(await bench.provisioning.waitForRun(retried.runId ?? '', 20_000)).toMatchObject({
      status: 'completed',
    });
    expect(await tenantRow(tenantId)).toMatchObject({ status: 'active', statusReason: null });
  });
});

describe('a cancellation of what has just failed by itself', () => {
  const refusing =
    (points: readonly string[]): Around =>
    async (point, effect) => {
      if (points.includes(point))
        throw Object.assign(new Error('wrong'), { code: '42601', severity: 'ERROR' });
      return effect();
    };

  it('is what it ends as, also when it comes while everything is taken back', async () => {
    const hold = holdAt('undo create-roles', { times: 1 });
    const refuse = refusing(['verify-database']);
    await start({ around: (point, effect) => refuse(point, () => hold.around(point, effect)) });
    const { tenantId, runId } = await bench.request('Cancelled Late');
    await hold.arrived;
    expect(await bench.provisioning.cancelTenant(tenantId, because)).toMatchObject({ runId });
    hold.release();
    expect(await bench.provisioning.waitForRun(runId, 20_000)).toMatchObject({ status: 'cancelled' });
    await expectTakenBack(tenantId);
    expect((await bench.provisioning.cancelTenant(tenantId, because)).runId).toBe(runId);
    expect(await auditOf(tenantId)).toContain('tenant.provision_cancelled');
  });

  it('says to purge what could not be taken back, not to make it after all', async () => {
    const hold = holdAt('verify-database');
    let isStuck = true;
    const refuse = refusing(['undo create-roles']);
    await start({
      around: (point, effect) => (isStuck ? refuse(point, () => hold.around(point, effect)) : effect()),
    });
    const { tenantId, runId, slug } = await bench.request('Cancelled Badly');
    await hold.arrived;
    await bench.provisioning.cancelTenant(tenantId, because);
    expect(await bench.provisioning.waitForRun(runId, 20_000)).toMatchObject({ status: 'cancelled' });
    const { statusReason } = await tenantRow(tenantId);
    expect(statusReason).toMatch(/^cancelled: signed up twice\. What was begun could not be taken back: /);
    expect(statusReason).toMatch(new RegExp(`tenant-cli delete ${slug} --purge$`));
    isStuck = false;
    hold.release();
    const { runId: purge } = await bench.provisioning.purgeTenant(tenantId, operator);
    expect(await bench.provisioning.waitForRun(purge ?? '', 20_000)).toMatchObject({ status: 'completed' });
  });
});

describe('a cancellation and the activation at the same moment', () => {
  it('never both happen', async () => {
    const holds = new Map<string, ReturnType<typeof gate>>();
    const arrived = gate();
    await start({
      around: async (point, effect) => {
        if (point === 'activate-tenant') {
          const hold = gate();
          holds.set(String(holds.size), hold);
          if (holds.size === rounds) arrived.open();
          await hold.opened;
        }
        return effect();
      },
      environment: { QUEUE_CONCURRENCY: String(rounds) },
    });
    const asked = await Promise.all(
      Array.from({ length: rounds }, (_, index) => bench.request(`Close Call ${index}`)),
    );
    await arrived.opened;
    const cancelled = await Promise.all(
      asked.map(async ({ tenantId }, index) => {
        // Some activations begin before their cancellation, some after it.
        if (index > 2) for (const { open } of holds.values()) open();
        return bench.provisioning.cancelTenant(tenantId, because).then(
          () => true,
          (error: Error) => {
            expect(error.message).toMatch(/that is active cannot be cancelled/);
            return false;
          },
        );
      }),
    );
    for (const [index, { tenantId, runId }] of asked.entries()) {
      const end = await bench.provisioning.waitForRun(runId, 20_000);
      expect(end?.status).toBe(cancelled[index] ? 'cancelled' : 'completed');
      expect((await tenantRow(tenantId)).status).toBe(cancelled[index] ? 'failed' : 'active');
    }
    console.log(`cancelled: ${cancelled.filter(Boolean).length} of ${rounds}`);
  });
});

describe('cancelling a tenant in another state', () => {
  it('of an active one is refused, and says what to do instead', async () => {
    await start();
    const { tenantId, runId } = await bench.request('Done Already');
    await bench.provisioning.waitForRun(runId, 20_000);
    await expect(bench.provisioning.cancelTenant(tenantId, because)).rejects.toThrow(
      /that is active cannot be cancelled: delete it/,
    );
  });

  it('of one that failed by itself frees its slug', async () => {
    await start({
      around: async (point, effect) => {
        if (point === 'verify-database')
          throw Object.assign(new Error('wrong'), { code: '42601', severity: 'ERROR' });
        return effect();
      },
    });
    const { tenantId, runId, slug } = await bench.request('Failed By Itself');
    expect(await bench.provisioning.waitForRun(runId, 20_000)).toMatchObject({ status: 'failed' });
    const { runId: purge } = await bench.provisioning.cancelTenant(tenantId, because);
    expect(await bench.provisioning.waitForRun(purge ?? '', 20_000)).toMatchObject({ status: 'completed' });
    expect(await tenantRow(tenantId)).toMatchObject({ status: 'deleted' });
    expect((await bench.provisioning.cancelTenant(tenantId, because)).runId).toBe(purge);
    expect((await bench.request('Failed By Itself')).slug).toBe(slug);
  });

  it('of one whose purge somebody else asked for is refused', async () => {
    const hold = holdAt('drop-database');
    await start({ around: hold.around });
    const { tenantId, runId } = await bench.request('On Its Way Out');
    await bench.provisioning.waitForRun(runId, 20_000);
    const { runId: purge } = await bench.provisioning.purgeTenant(tenantId, operator);
    await hold.arrived;
    await expect(bench.provisioning.cancelTenant(tenantId, because)).rejects.toThrow(
      /that is purging cannot be cancelled/,
    );
    hold.release();
    await bench.provisioning.waitForRun(purge ?? '', 20_000);
  });
});
