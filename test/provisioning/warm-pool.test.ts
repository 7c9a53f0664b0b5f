import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bench } from '../support/provisioning-bench.ts';
import { createWarmBench, readRun, readTenant, stopClean, untilWarm, warmsWithinMs } from './warm-bench.ts';

describe('a pool of warm databases', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createWarmBench(2);
    await untilWarm(bench, 2);
  }, warmsWithinMs);
  afterAll(() => stopClean(bench));

  const eventsOf = async (tenantId: string) => {
    const { rows } = await bench.runOn(
      bench.registryName,
      `SELECT topic FROM outbox WHERE payload ->> 'tenant_id' = '${tenantId}'`,
    );
    return rows.map(({ topic }) => topic);
  };

  it('gives a registration a finished tenant within its own transaction', async () => {
    const pool = await untilWarm(bench, 2);
    const { tenantId, runId } = await bench.request('At Once');
    const run = await readRun(bench, runId);
    expect(run).toMatchObject({ status: 'completed', progress: 100, way: 'warm', owner: null, rings: 0 });
    const tenant = await readTenant(bench, tenantId);
    expect(tenant).toMatchObject({ status: 'active', slug: 'at-once', templateCopyId: null });
    const claimed = pool.find(({ id }) => id === tenant.databaseId);
    expect(claimed).toMatchObject({
      databaseName: tenant.databaseName,
      migratorRole: tenant.migratorRole,
      applicationRole: tenant.applicationRole,
      templateVersionId: tenant.templateVersionId,
      schemaFingerprint: tenant.schemaFingerprint,
    });
    expect(await eventsOf(tenantId)).toEqual(['event.tenant.activated']);
    expect(await bench.provisioning.readRun(runId)).toMatchObject({
      steps: [{ name: 'claim-warm-database', status: 'done' }],
    });
  });

  it('tells the audit log of both, as when a worker makes the tenant', async () => {
    const { tenantId } = await bench.request('Told');
    const entries = await bench.platform.registry
      .selectFrom('auditLog')
      .select(['action', 'actorKind'])
      .where('tenantId', '=', tenantId)
      .orderBy('id')
      .execute();
    expect(entries).toEqual([
      { action: 'tenant.requested', actorKind: 'user' },
      { action: 'tenant.activated', actorKind: 'system' },
    ]);
  });

  it('is filled up again after claims', async () => {
    const before = await untilWarm(bench, 2);
    await bench.request('Taken');
    const after = await untilWarm(bench, 2);
    expect(after.map(({ id }) => id)).not.toEqual(before.map(({ id }) => id));
  });

  it('gives its database back when the registration is refused', async () => {
    const before = await untilWarm(bench, 2);
    await bench.request('Once Only', { slug: 'once-only' });
    const left = await untilWarm(bench, 2);
    await expect(bench.request('Once Only', { slug: 'once-only' })).rejects.toThrow(/once-only/);
    expect(await untilWarm(bench, 2)).toEqual(left);
    expect(before).not.toEqual(left);
  });
});
