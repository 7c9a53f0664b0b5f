import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Around } from '../../src/provisioning/failpoints.ts';
import { insertTemplate } from '../../src/registry/repositories/templates.ts';
import { currentContext } from '../../src/telemetry/request-context.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import {
  createGate,
  findTenantOf,
  inconsistencies,
  listCopies,
  look,
  noSchedule,
  readyCopy,
  statusesOf,
  tablesOf,
} from './template-facts.ts';

describe('a source that changes', () => {
  let bench: Bench;
  const gate = createGate();
  const arrived = createGate();
  const around: Around = async (point, effect) => {
    if (point === 'create-database' && currentContext()?.requestId === 'held') {
      arrived.open();
      await gate.opened;
    }
    return effect();
  };

  beforeAll(async () => {
    bench = await createProvisioningBench({ environment: noSchedule, around });
    await bench.assembly.firstLook;
  });
  afterAll(async () => {
    gate.open();
    await bench.stop();
  });

  async function register(name: string) {
    const { runId, tenantId } = await bench.request(name);
    expect(await bench.provisioning.waitForRun(runId, 50_000)).toMatchObject({ status: 'completed' });
    return tenantId;
  }

  it('gives a new version, while a provisioning under way keeps its own', async () => {
    const first = await readyCopy(bench);
    const held = await bench.request('Held', { requestId: 'held' });
    await arrived.opened;
    await bench.runOn(bench.sourceName, 'CREATE TABLE public.invoices (id int PRIMARY KEY)');
    await look(bench);

    expect(await statusesOf(bench)).toEqual(['retiring', 'ready']);
    const second = await readyCopy(bench);
    expect(second.templateVersionId).not.toBe(first.templateVersionId);
    expect(await tablesOf(bench, await register('Later'))).toContain('invoices');
    await look(bench);
    expect(await listCopies(bench)).toMatchObject([{ id: first.id, exists: true }, { id: second.id }]);

    gate.open();
    expect(await bench.provisioning.waitForRun(held.runId, 50_000)).toMatchObject({ status: 'completed' });
    expect(await tablesOf(bench, held.tenantId)).not.toContain('invoices');
    expect(await findTenantOf(bench, held.tenantId)).toMatchObject({
      templateCopyId: null,
      templateVersionId: first.templateVersionId,
    });
  });

  it('has its old copy dropped once nobody needs it', async () => {
    await look(bench);
    expect(await listCopies(bench)).toMatchObject([{ status: 'ready', exists: true }]);
    expect(await inconsistencies(bench)).toEqual([]);
  });

  it('is left alone by a look that finds it unchanged', async () => {
    const versions = () => bench.platform.registry.selectFrom('templateVersions').selectAll().execute();
    const before = [await listCopies(bench), await versions()];
    await look(bench);
    expect([await listCopies(bench), await versions()]).toEqual(before);
  });

  it('goes back to a version that it had, under the same row', async () => {
    const [first] = await bench.platform.registry
      .selectFrom('templateVersions')
      .select('id')
      .orderBy('createdAt')
      .execute();
    await bench.runOn(bench.sourceName, 'DROP TABLE public.invoices');
    await look(bench);
    expect(await readyCopy(bench)).toMatchObject({ templateVersionId: first?.id });
  });

  it('gives a copy to nobody that is being dropped, also when it was found a moment before', async () => {
    const { platform } = bench;
    const copy = await readyCopy(bench);
    const { id } = copy;
    const trx = await platform.registry.startTransaction().execute();
    // As the janitor does it: whoever is about to pin the copy waits for the end of this.
    await trx.updateTable('templateCopies').set({ status: 'dropping' }).where('id', '=', id).execute();
    const { runId, tenantId } = await bench.request('In between');
    await expect
      .poll(async () => {
        const { rows } = await bench.runOn(
          bench.registryName,
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        return rows.length;
      })
      .toBeGreaterThan(0);
    await trx.commit().execute();
    expect(await bench.provisioning.waitForRun(runId, 50_000)).toMatchObject({ status: 'completed' });
    const newer = await readyCopy(bench);
    expect(newer.id).not.toBe(copy.id);
    expect(await findTenantOf(bench, tenantId)).toMatchObject({ status: 'active' });
    await look(bench);
    expect(await statusesOf(bench)).toEqual(['ready']);
    expect(await inconsistencies(bench)).toEqual([]);
  });
});

describe('several templates', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createProvisioningBench({ environment: noSchedule });
  });
  afterAll(() => bench.stop());

  const trouble = (key: string) =>
    bench.platform.registry
      .selectFrom('templates')
      .select(['troubleCode', 'troubleDetail'])
      .where('key', '=', key)
      .executeTakeFirstOrThrow();

  it('are each made of their own source, and one without a source keeps none of the others', async () => {
    const { registry } = bench.platform;
    const shop = `shop_${bench.sourceName}`;
    for (const [key, sourceDatabase] of [
      ['missing', `missing_${bench.sourceName}`],
      ['shop', shop],
    ] as const) {
      await insertTemplate(registry, { key, sourceDatabase, dataTables: ['public.kinds'] });
    }
    await bench.runOn('postgres', `CREATE DATABASE ${shop}`);
    await bench.runOn(
      shop,
      "CREATE TABLE public.baskets (id int PRIMARY KEY); CREATE TABLE public.kinds AS SELECT 'book' AS kind",
    );
    await look(bench);
    expect(await trouble('missing')).toMatchObject({ troubleCode: 'source_database_missing' });
    expect(await trouble('missing')).toMatchObject({ troubleDetail: expect.stringContaining('missing_') });
    for (const key of ['default', 'shop']) {
      expect(await trouble(key)).toEqual({ troubleCode: null, troubleDetail: null });
      expect(await readyCopy(bench, key)).toMatchObject({ exists: true });
    }

    const { runId, tenantId } = await bench.request('Bookshop', { template: 'shop' });
    expect(await bench.provisioning.waitForRun(runId, 50_000)).toMatchObject({ status: 'completed' });
    expect(await tablesOf(bench, tenantId)).toEqual(['baskets', 'kinds']);
    const { databaseName } = await findTenantOf(bench, tenantId);
    expect((await bench.runOn(databaseName ?? '', 'SELECT kind FROM kinds')).rows).toEqual([
      { kind: 'book' },
    ]);

    await bench.runOn(shop, 'CREATE TABLE public.coupons (id int)');
    const others = await readyCopy(bench);
    await look(bench);
    expect(await readyCopy(bench)).toEqual(others);
    const next = await bench.request('Second bookshop', { template: 'shop' });
    expect(await bench.provisioning.waitForRun(next.runId, 50_000)).toMatchObject({ status: 'completed' });
    expect(await tablesOf(bench, next.tenantId)).toEqual(['baskets', 'coupons', 'kinds']);
    expect(await inconsistencies(bench)).toEqual([]);
  });

  it('let a registration wait for the source of its own', async () => {
    const waiting = await bench.request('Early', { template: 'missing' });
    const { runId } = await bench.request('Meanwhile');
    expect(await bench.provisioning.waitForRun(runId, 50_000)).toMatchObject({ status: 'completed' });
    await bench.runOn(
      'postgres',
      `CREATE DATABASE missing_${bench.sourceName} TEMPLATE shop_${bench.sourceName}`,
    );
    expect(await bench.provisioning.waitForRun(waiting.runId, 50_000)).toMatchObject({ status: 'completed' });
    await look(bench);
    expect(await trouble('missing')).toEqual({ troubleCode: null, troubleDetail: null });
  });
});
