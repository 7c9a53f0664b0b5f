import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { announceNeedsRun } from '../../src/registry/repositories/warm-databases.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findTenantOf, look, noSchedule, readyCopy, tablesOf } from './template-facts.ts';
import {
  createWarmBench,
  listPool,
  readRun,
  readTenant,
  startWarmWorker,
  stopClean,
  untilWarm,
  warmsWithinMs,
} from './warm-bench.ts';

const patient = { timeout: warmsWithinMs, interval: 50 };

describe('warm databases', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createWarmBench(2, { environment: noSchedule });
    await untilWarm(bench, 2);
  }, warmsWithinMs);
  afterAll(() => stopClean(bench));

  const idsOf = async () => (await listPool(bench)).map(({ id }) => id);
  const inRegistry = (statement: string) => bench.runOn(bench.registryName, statement);
  /** What a message says when something has changed; here it was changed by hand. */
  const wake = () => inRegistry(`SELECT pg_notify('tm_messages', '{"kind":"warm.wanted","serverId":"any"}')`);

  it('are renewed when the template changes; tenants then have what is new', async () => {
    const old = await idsOf();
    await bench.runOn(bench.sourceName, 'CREATE TABLE public.invoices (id int PRIMARY KEY)');
    await look(bench);
    const copy = await readyCopy(bench);
    await vi.waitFor(async () => {
      const pool = await untilWarm(bench, 2);
      expect(pool.map(({ templateCopyId }) => templateCopyId)).toEqual([copy.id, copy.id]);
    }, patient);
    expect((await idsOf()).filter((id) => old.includes(id))).toEqual([]);
    const { tenantId, runId } = await bench.request('Renewed');
    expect(await readRun(bench, runId)).toMatchObject({ way: 'warm' });
    expect(await tablesOf(bench, tenantId)).toContain('invoices');
    expect(await findTenantOf(bench, tenantId)).toMatchObject({ templateVersionId: copy.templateVersionId });
  });

  it('that somebody dropped or opened by hand are not given away, but replaced', async () => {
    const [dropped, opened] = await untilWarm(bench, 2);
    await bench.runOn('postgres', `DROP DATABASE ${dropped?.databaseName}`);
    await bench.runOn('postgres', `GRANT CONNECT ON DATABASE ${opened?.databaseName} TO PUBLIC`);
    await wake();
    await vi.waitFor(async () => {
      const ids = await idsOf();
      expect(ids).not.toContain(dropped?.id);
      expect(ids).not.toContain(opened?.id);
    }, patient);
    await untilWarm(bench, 2);
    expect(bench.lines.filter((line) => line.includes('A warm database is replaced')).length).toBe(2);
  });

  it('give a server back that is drained, and return when it is open again', async () => {
    await inRegistry(`UPDATE database_servers SET status = 'draining'`);
    await wake();
    await untilWarm(bench, 0);
    await inRegistry(`UPDATE database_servers SET status = 'open'`);
    await wake();
    await untilWarm(bench, 2);
  });

  it('of a worker from before a seed was set are no registration’s without it', async () => {
    const { registry } = bench.platform;
    const old = await untilWarm(bench, 2);
    // What a new worker does at its start; the one of this bench goes on with what it was told.
    await announceNeedsRun(registry, true);
    await inRegistry(`UPDATE warm_databases SET status = 'retiring'`);
    await wake();
    await vi.waitFor(async () => {
      const pool = await untilWarm(bench, 2);
      expect(pool.filter(({ id }) => old.some((each) => each.id === id))).toEqual([]);
      expect(pool.map(({ needsRun }) => needsRun)).toEqual([true, true]);
    }, patient);
    const { runId } = await bench.request('Not Without It');
    const progress = await bench.provisioning.waitForRun(runId, 30_000);
    expect(progress).toMatchObject({ status: 'completed' });
    // By a run that would have done what is due, not by the registration itself.
    expect(progress?.steps.map(({ name }) => name)).toContain('place-tenant');
    expect(await readRun(bench, runId)).toMatchObject({ way: 'warm' });
    await announceNeedsRun(registry, false);
    expect((await untilWarm(bench, 2)).map(({ needsRun }) => needsRun)).toEqual([false, false]);
  });

  it('take no more places than a server has', async () => {
    const { rows } = await inRegistry(
      `SELECT count(*)::int AS placed FROM tenant_registry WHERE server_id IS NOT NULL AND status <> 'deleted'`,
    );
    await inRegistry(`UPDATE database_servers SET capacity_databases = ${rows[0].placed + 2}`);
    await bench.request('Last But One');
    await bench.request('Last');
    await wake();
    const later = await bench.request('Too Many');
    await vi.waitFor(
      async () =>
        expect((await readRun(bench, later.runId)).errorDetail).toMatch(/\d+ of \d+ databases|full/),
      patient,
    );
    expect(await listPool(bench)).toEqual([]);
    await inRegistry('UPDATE database_servers SET capacity_databases = 1000');
    expect(await bench.provisioning.waitForRun(later.runId, 30_000)).toMatchObject({ status: 'completed' });
    await untilWarm(bench, 2);
  });

  it('wait while tenants are being made, and come when they are through', async () => {
    const [first, second] = [await bench.request('One'), await bench.request('Two')];
    const waiting = await Promise.all(['Three', 'Four'].map((name) => bench.request(name)));
    const runs = await Promise.all([first, second, ...waiting].map(({ runId }) => readRun(bench, runId)));
    expect(runs.slice(0, 2).map(({ way }) => way)).toEqual(['warm', 'warm']);
    for (const { runId, tenantId } of waiting) {
      expect(await bench.provisioning.waitForRun(runId, 30_000)).toMatchObject({ status: 'completed' });
      expect(await readTenant(bench, tenantId)).toMatchObject({ status: 'active' });
    }
    await untilWarm(bench, 2);
  });
});

describe('a pool that is switched off or made smaller', () => {
  it('is trimmed by the next worker, and nothing of it is left', async () => {
    const bench = await createProvisioningBench({ role: 'api', environment: noSchedule });
    for (const size of [3, 1, 0]) {
      const worker = await startWarmWorker(bench, size);
      await untilWarm(bench, size);
      await worker.kill('SIGTERM');
    }
    await stopClean(bench);
  }, 200_000);
});

describe('a source that is missing', () => {
  it('has no warm databases, and nothing is said of them again and again', async () => {
    const bench = await createWarmBench(2, { environment: { SOURCE_DATABASE_NAME: 'never_there' } });
    const { runId } = await bench.request('Patient');
    await vi.waitFor(
      async () => expect((await readRun(bench, runId)).errorCode).toBe('source_database_missing'),
      patient,
    );
    expect(await listPool(bench)).toEqual([]);
    expect(bench.lines.filter((line) => line.includes('warm'))).toEqual([]);
    await bench.stop();
  });
});
