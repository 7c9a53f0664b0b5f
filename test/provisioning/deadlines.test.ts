import { afterEach, describe, expect, it } from 'vitest';
import { holdAt } from '../support/hold-at.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

const operator = { actor: { kind: 'operator', id: 'test' }, requestId: 'test' } as const;
const deadlineMs = 4_000;

let bench: Bench;
afterEach(async () => {
  await bench.stop();
  const { server, registryName: registry, config } = bench;
  expect(await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX })).toEqual(
    [],
  );
});

const statusOf = async (id: string) =>
  (
    await bench.platform.registry
      .selectFrom('tenantRegistry')
      .select('status')
      .where('id', '=', id)
      .executeTakeFirstOrThrow()
  ).status;
const runRow = (id: string) =>
  bench.platform.registry
    .selectFrom('provisioningRuns')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow();

describe('a step that hangs and heeds nothing', () => {
  it.each([
    ['reserve-database', 'before'],
    ['create-roles', 'before'],
    ['create-database', 'after'],
    ['activate-tenant', 'before'],
  ] as const)(
    '%s, %s its effect: the next attempt gets through, and the sleeper is fenced',
    async (point, when) => {
      const hold = holdAt(point, { when, times: 1 });
      bench = await createProvisioningBench({
        around: hold.around,
        deadlineMs,
        environment: { WARM_POOL_SIZE: '0' },
      });
      // The template is there, so that the steps before the one that hangs are quick.
      await bench.assembly.firstLook;
      const { runId, tenantId } = await bench.request('Hangs');
      await hold.arrived;
      await expect
        .poll(async () => (await runRow(runId)).errorDetail)
        .toBe(`The step "${point}" took longer than ${deadlineMs} ms.`);
      expect((await runRow(runId)).errorCode).toBe('deadline_exceeded');
      expect(await bench.provisioning.waitForRun(runId, 30_000)).toMatchObject({ status: 'completed' });
      hold.release();
      // After its effect only the answer was late; before it, the sleeper wakes up to find every door closed.
      await expect.poll(() => hold.ends).toEqual([when === 'before' ? 'rejected' : 'fulfilled']);
      expect(await statusOf(tenantId)).toBe('active');
      expect((await runRow(runId)).status).toBe('completed');
    },
  );

  it('holds no place: others are made meanwhile by the same worker', async () => {
    const hold = holdAt('create-database', { times: 1 });
    bench = await createProvisioningBench({
      around: hold.around,
      deadlineMs: 600_000,
      environment: { WARM_POOL_SIZE: '0', QUEUE_CONCURRENCY: '2' },
    });
    const stuck = await bench.request('Stuck');
    await hold.arrived;
    const next = await bench.request('Next');
    expect(await bench.provisioning.waitForRun(next.runId, 30_000)).toMatchObject({ status: 'completed' });
    expect((await runRow(stuck.runId)).status).toBe('processing');
    hold.release();
    expect(await bench.provisioning.waitForRun(stuck.runId, 30_000)).toMatchObject({ status: 'completed' });
  });

  it('in a purge, is tried again as well', async () => {
    const hold = holdAt('drop-database', { times: 1 });
    bench = await createProvisioningBench({
      around: hold.around,
      deadlineMs,
      environment: { WARM_POOL_SIZE: '0' },
    });
    await bench.assembly.firstLook;
    const { tenantId, runId } = await bench.request('Purged');
    await bench.provisioning.waitForRun(runId, 30_000);
    const purge = await bench.provisioning.purgeTenant(tenantId, operator);
    await hold.arrived;
    expect(await bench.provisioning.waitForRun(purge.runId ?? '', 30_000)).toMatchObject({
      status: 'completed',
    });
    hold.release();
    await expect.poll(() => hold.ends).toEqual(['rejected']);
    expect(await statusOf(tenantId)).toBe('deleted');
  });

  it('in an undo, is tried again until everything is taken back', async () => {
    const hold = holdAt('undo create-roles', { times: 1 });
    bench = await createProvisioningBench({
      around: (point, effect) =>
        point === 'verify-database'
          ? Promise.reject(Object.assign(new Error('wrong'), { code: '42601', severity: 'ERROR' }))
          : hold.around(point, effect),
      deadlineMs,
      environment: { WARM_POOL_SIZE: '0' },
    });
    await bench.assembly.firstLook;
    const { runId } = await bench.request('Undone');
    await hold.arrived;
    await expect
      .poll(async () => (await runRow(runId)).errorDetail)
      .toMatch(/"undo create-roles" took longer/);
    expect(await bench.provisioning.waitForRun(runId, 40_000)).toMatchObject({ status: 'failed' });
    hold.release();
    await expect.poll(() => hold.ends).toEqual(['rejected']);
  });
});
