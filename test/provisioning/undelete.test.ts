import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { purgeDueTenants } from '../../src/provisioning/purge-due.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

const operator = { actor: { kind: 'operator', id: 'test' }, requestId: 'test' } as const;

let bench: Bench;
/** While set, no database passes its verification, as if it were not as it must be. */
let isRefused = false;
/** While set, nothing of what was begun can be taken back. */
let isStuck = false;
beforeAll(async () => {
  bench = await createProvisioningBench({
    environment: { WARM_POOL_SIZE: '0' },
    around: async (point, effect) => {
      if ((isRefused && point === 'verify-database') || (isStuck && point === 'undo create-roles')) {
        throw Object.assign(new Error('wrong'), { code: '42601', severity: 'ERROR' });
      }
      return effect();
    },
  });
});
afterAll(async () => {
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

async function made(name: string): Promise<string> {
  const { tenantId, runId } = await bench.request(name);
  await bench.provisioning.waitForRun(runId, 30_000);
  return tenantId;
}

const deleteTenant = (id: string) =>
  bench.provisioning.deleteTenant(id, { ...operator, reason: 'left us', graceDays: 30 });
const undelete = (id: string) => bench.provisioning.undeleteTenant(id, operator);

describe('undelete', () => {
  it('brings an active tenant back as active, and a suspended one as suspended for its reason', async () => {
    const [active, suspended] = [await made('Was Active'), await made('Was Suspended')];
    await bench.provisioning.suspendTenant(suspended, { ...operator, reason: 'unpaid' });
    for (const id of [active, suspended]) await deleteTenant(id);
    expect(await tenantRow(suspended)).toMatchObject({ status: 'deleting', statusReason: 'left us' });
    for (const id of [active, suspended]) await undelete(id);
    const nothingLeft = {
      deletingAt: null,
      purgeAfter: null,
      statusBeforeDeletion: null,
      reasonBeforeDeletion: null,
    };
    expect(await tenantRow(active)).toMatchObject({ status: 'active', statusReason: null, ...nothingLeft });
    expect(await tenantRow(suspended)).toMatchObject({
      status: 'suspended',
      statusReason: 'unpaid',
      suspendedAt: expect.any(Date),
      ...nothingLeft,
    });
  });

  it('brings back one that failed as failed', async () => {
    isRefused = true;
    const id = await made('Was Failed');
    isRefused = false;
    const { statusReason } = await tenantRow(id);
    await deleteTenant(id);
    await undelete(id);
    expect(await tenantRow(id)).toMatchObject({ status: 'failed', statusReason });
  });

  it('and not activation is what a deleted tenant needs whose making failed half way', async () => {
    [isRefused, isStuck] = [true, true];
    const id = await made('Half Made');
    [isRefused, isStuck] = [false, false];
    expect(await tenantRow(id)).toMatchObject({ status: 'failed', databaseName: expect.any(String) });
    await deleteTenant(id);
    await expect(bench.provisioning.activateTenant(id, operator)).rejects.toThrow(
      /that is deleting cannot be activated: undelete it, then retry it, for its database was never finished/,
    );
    await undelete(id);
    const { runId } = await bench.provisioning.retryTenant(id, operator);
    expect(await bench.provisioning.waitForRun(runId ?? '', 30_000)).toMatchObject({ status: 'completed' });
    expect((await tenantRow(id)).status).toBe('active');
  });

  it('of what is not deleted, or is being destroyed, is refused', async () => {
    const id = await made('Too Late');
    await expect(undelete(id)).rejects.toThrow(/that is active cannot be undeleted/);
    await deleteTenant(id);
    const { runId } = await bench.provisioning.purgeTenant(id, operator);
    await expect(undelete(id)).rejects.toThrow(/that is (purging|deleted) cannot be undeleted/);
    await bench.provisioning.waitForRun(runId ?? '', 30_000);
  });

  it('keeps a tenant from the purge that was due', async () => {
    const id = await made('Just In Time');
    await bench.provisioning.deleteTenant(id, { ...operator, graceDays: 0 });
    await undelete(id);
    expect(await purgeDueTenants(bench.platform.registry, bench.provisioning)).toBe(0);
    expect((await tenantRow(id)).status).toBe('active');
  });

  it('keeps a tenant also from the purge that has found it already', async () => {
    const id = await made('In The Last Moment');
    await bench.provisioning.deleteTenant(id, { ...operator, graceDays: 0 });
    const begun = await purgeDueTenants(bench.platform.registry, {
      purgeDueTenant: async (tenantId, request) => {
        await undelete(id);
        return bench.provisioning.purgeDueTenant(tenantId, request);
      },
    });
    expect(begun).toBe(0);
    expect((await tenantRow(id)).status).toBe('active');
  });

  it('and another deletion give it new days of grace, also against that purge', async () => {
    const id = await made('Deleted Twice');
    await bench.provisioning.deleteTenant(id, { ...operator, graceDays: 0 });
    const begun = await purgeDueTenants(bench.platform.registry, {
      purgeDueTenant: async (tenantId, request) => {
        await undelete(id);
        await deleteTenant(id);
        return bench.provisioning.purgeDueTenant(tenantId, request);
      },
    });
    expect(begun).toBe(0);
    expect((await tenantRow(id)).status).toBe('deleting');
  });
});

describe('a purge that is due', () => {
  it('is begun once, and none is passed over, when several workers do it in the same minute', async () => {
    const ids = await Promise.all(['One Of Three', 'Two Of Three', 'Three Of Three'].map(made));
    for (const id of ids) await bench.provisioning.deleteTenant(id, { ...operator, graceDays: 0 });
    const begun = await Promise.all(
      Array.from({ length: 4 }, () => purgeDueTenants(bench.platform.registry, bench.provisioning)),
    );
    expect(begun.reduce((sum, count) => sum + count, 0)).toBe(ids.length);
    for (const id of ids) {
      await expect.poll(async () => (await tenantRow(id)).status).toBe('deleted');
      expect((await tenantRow(id)).generation).toBe(2);
    }
  });
});

describe('a run that cannot be taken back', () => {
  it('says what to do about it, is listed, and is forgotten once it was retried', async () => {
    const id = await made('Held Fast');
    const { applicationRole, slug } = await tenantRow(id);
    // What the platform cannot have made is left alone, and only a person can say why it is so.
    await bench.runOn('postgres', `ALTER ROLE "${applicationRole}" SUPERUSER`);
    const purge = await bench.provisioning.purgeTenant(id, operator);
    expect(await bench.provisioning.waitForRun(purge.runId ?? '', 30_000)).toMatchObject({
      status: 'failed',
    });
    const row = await tenantRow(id);
    expect(row.status).toBe('purging');
    expect(row.statusReason).toMatch(
      new RegExp(`rights that the platform never gives.*tenant-cli retry ${slug}`),
    );
    await bench.runOn('postgres', `ALTER ROLE "${applicationRole}" NOSUPERUSER`);
    const { runId } = await bench.provisioning.retryTenant(id, operator);
    expect(await bench.provisioning.waitForRun(runId ?? '', 30_000)).toMatchObject({ status: 'completed' });
    const left = await bench.platform.registry
      .selectFrom('provisioningRuns')
      .select('id')
      .where('needsAttention', '=', true)
      .execute();
    expect(left).toEqual([]);
  });
});
