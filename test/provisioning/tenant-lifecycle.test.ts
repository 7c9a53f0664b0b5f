import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainly } from '../../src/provisioning/failpoints.ts';
import { purgeDueTenants } from '../../src/provisioning/purge-due.ts';
import { RunContext } from '../../src/provisioning/run-context.ts';
import { dropDatabase } from '../../src/provisioning/steps/drop-database.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

const operator = { actor: { kind: 'operator', id: 'test' }, requestId: 'test' } as const;

describe('the life of a tenant', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createProvisioningBench();
  });
  afterAll(async () => {
    const { registryName, config, server } = bench;
    await bench.stop();
    expect(
      await findInconsistencies(server, { registry: registryName, databasePrefix: config.TENANT_DB_PREFIX }),
    ).toEqual([]);
  });

  const read = (id: string) =>
    bench.platform.registry
      .selectFrom('tenantRegistry')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
  async function active(name: string) {
    const asked = await bench.request(name);
    expect(await bench.provisioning.waitForRun(asked.runId, 30_000)).toMatchObject({ status: 'completed' });
    return asked;
  }
  const databaseExists = async (name: string | null) =>
    (await bench.runOn('postgres', `SELECT 1 FROM pg_database WHERE datname = '${name}'`)).rows.length === 1;

  it('is suspended and activated again, each told in the audit log', async () => {
    const { tenantId } = await active('Ups and Downs');
    await bench.provisioning.suspendTenant(tenantId, { ...operator, reason: 'unpaid' });
    expect(await read(tenantId)).toMatchObject({ status: 'suspended', statusReason: 'unpaid' });
    await bench.provisioning.activateTenant(tenantId, operator);
    expect(await read(tenantId)).toMatchObject({ status: 'active', statusReason: null });
    const entries = await bench.platform.registry
      .selectFrom('auditLog')
      .select(['action', 'actorKind'])
      .where('tenantId', '=', tenantId)
      .orderBy('id')
      .execute();
    expect(entries).toEqual([
      { action: 'tenant.requested', actorKind: 'user' },
      { action: 'tenant.activated', actorKind: 'system' },
      { action: 'tenant.suspended', actorKind: 'operator' },
      { action: 'tenant.activated', actorKind: 'operator' },
    ]);
  });

  it('refuses what its state does not allow, and says which state that is', async () => {
    const { tenantId } = await active('Steady');
    await expect(bench.provisioning.activateTenant(tenantId, operator)).rejects.toThrow(
      /that is active cannot be activated/,
    );
    await expect(bench.provisioning.retryTenant(tenantId, operator)).rejects.toThrow(
      /that is active cannot be retried/,
    );
    await expect(bench.provisioning.suspendTenant(randomUUID(), operator)).rejects.toThrow(/no such tenant/);
  });

  it('of two who change it at once, one wins', async () => {
    const { tenantId } = await active('Contended');
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, () => bench.provisioning.suspendTenant(tenantId, operator)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('is purged with database and roles, and its name is free again', async () => {
    const { tenantId, slug } = await active('Gone Soon');
    const before = await read(tenantId);
    const { runId } = await bench.provisioning.purgeTenant(tenantId, operator);
    expect(await bench.provisioning.waitForRun(runId ?? '', 30_000)).toMatchObject({ status: 'completed' });
    expect(await read(tenantId)).toMatchObject({
      status: 'deleted',
      databaseName: null,
      sealedDataKey: null,
    });
    expect(await databaseExists(before.databaseName)).toBe(false);
    expect((await active('Gone Soon')).slug).toBe(slug);
  });

  it('is purged by itself when its days of grace are over, and not before', async () => {
    const [early, due] = [await active('Kept'), await active('Due')];
    await bench.provisioning.deleteTenant(early.tenantId, { ...operator, graceDays: 30 });
    await bench.provisioning.deleteTenant(due.tenantId, { ...operator, graceDays: 0 });
    expect(await purgeDueTenants(bench.platform.registry, bench.provisioning)).toBe(1);
    await expect.poll(async () => (await read(due.tenantId)).status).toBe('deleted');
    expect((await read(early.tenantId)).status).toBe('deleting');
  });

  it('can be purged again when a purge failed, once what was in the way is gone', async () => {
    const { tenantId } = await active('Held Fast');
    const { applicationRole } = await read(tenantId);
    const held = bench.sourceName;
    await bench.runOn(held, `GRANT SELECT ON companies TO ${applicationRole}`);
    const first = await bench.provisioning.purgeTenant(tenantId, operator);
    await expect
      .poll(
        async () =>
          (
            await bench.platform.registry
              .selectFrom('provisioningRuns')
              .select('errorDetail')
              .where('id', '=', first.runId ?? '')
              .executeTakeFirstOrThrow()
          ).errorDetail,
      )
      .not.toBeNull();
    await bench.runOn(held, `REVOKE SELECT ON companies FROM ${applicationRole}`);
    const second = await bench.provisioning.purgeTenant(tenantId, operator);
    expect(await bench.provisioning.waitForRun(second.runId ?? '', 30_000)).toMatchObject({
      status: 'completed',
    });
    expect(await bench.provisioning.readRun(first.runId ?? '')).toMatchObject({
      status: expect.stringMatching(/cancelled|failed/),
    });
  });

  it('a worker that has lost its run touches nothing any more', async () => {
    const { tenantId, runId } = await active('Fenced');
    const tenant = await read(tenantId);
    const { workbench, platform } = { ...bench.assembly, platform: bench.platform };
    const context = new RunContext({
      run: { id: runId, tenantId, owner: randomUUID() },
      tenant,
      needs: {
        registry: platform.registry,
        serverOf: (id) => workbench?.servers.get(id) ?? Promise.reject(new Error('no workbench')),
        neutral: { owner: 'unused', application: 'unused' },
        applicationName: 'test',
        around: plainly,
        log: bench.log,
      },
      signal: AbortSignal.timeout(60_000),
    });
    await expect(dropDatabase.run(context)).rejects.toThrow(/taken this run over/);
    await context.close();
    expect(await databaseExists(tenant.databaseName)).toBe(true);
  });
});

describe('a registration that waits for something', () => {
  it('can be purged: its run ends as cancelled, and the name is free', async () => {
    const bench = await createProvisioningBench({ environment: { SOURCE_DATABASE_NAME: 'never_there' } });
    const { tenantId, runId } = await bench.request('Stuck');
    await expect
      .poll(async () => (await bench.provisioning.readRun(runId))?.error?.code)
      .toBe('source_database_missing');
    const purge = await bench.provisioning.purgeTenant(tenantId, operator);
    expect(await bench.provisioning.waitForRun(purge.runId ?? '', 30_000)).toMatchObject({
      status: 'completed',
    });
    expect(await bench.provisioning.readRun(runId)).toMatchObject({ status: 'cancelled' });
    expect((await bench.request('Stuck')).slug).toBe('stuck');
    await bench.stop();
  });
});
