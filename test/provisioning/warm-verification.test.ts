import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Around } from '../../src/provisioning/failpoints.ts';
import type { Bench } from '../support/provisioning-bench.ts';
import { noSchedule } from './template-facts.ts';
import {
  createWarmBench,
  listPool,
  readRun,
  readTenant,
  stopClean,
  untilWarm,
  warmsWithinMs,
} from './warm-bench.ts';

describe('a database that is not as its template says', () => {
  let bench: Bench;
  const attempts: number[] = [];
  const around: Around = (point, effect) => {
    if (point === 'warm: verify-database') attempts.push(performance.now());
    return effect();
  };
  beforeAll(async () => {
    bench = await createWarmBench(1, { environment: noSchedule, around });
    await untilWarm(bench, 1);
  }, warmsWithinMs);
  afterAll(() => stopClean(bench));

  const setStructure = (structure: string) =>
    bench.runOn(
      bench.registryName,
      `UPDATE template_copies SET fingerprint = jsonb_set(fingerprint, '{structure}', '"${structure}"')`,
    );
  const saidWhy = () => bench.lines.filter((line) => line.includes('structure differs from the template'));

  it('never becomes ready: why is said once, and it is not tried in a hot loop', async () => {
    const { rows } = await bench.runOn(
      bench.registryName,
      `SELECT fingerprint ->> 'structure' AS structure FROM template_copies`,
    );
    await setStructure('another');
    const before = attempts.length;
    await bench.request('The Last Good One');
    await vi.waitFor(() => expect(saidWhy()).toHaveLength(1), { timeout: warmsWithinMs });
    for (let ring = 0; ring < 20; ring += 1) {
      await bench.runOn(
        bench.registryName,
        `SELECT pg_notify('tm_messages', '{"kind":"warm.wanted","serverId":"any"}')`,
      );
      await delay(50);
    }
    expect(attempts.length - before).toBe(1);
    expect(saidWhy()).toHaveLength(1);
    expect(saidWhy()[0]).toMatch(/No database can be warmed .* registrations wait for a clone/);
    expect(await listPool(bench)).toEqual([]);

    await setStructure(rows[0].structure);
    await untilWarm(bench, 1);
    expect(bench.lines.filter((line) => line.includes('Databases are warmed again'))).toHaveLength(1);
  }, 60_000);
});

describe('databases that are called after their tenants', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createWarmBench(2, { environment: { ...noSchedule, TENANT_DB_NAMES: 'slug' } });
    await untilWarm(bench, 2);
  }, warmsWithinMs);
  afterAll(() => stopClean(bench));

  it('are warm ones too, which a worker claims and renames', async () => {
    const pool = await untilWarm(bench, 2);
    expect(pool.map(({ needsRun }) => needsRun)).toEqual([true, true]);
    const { tenantId, runId } = await bench.request('Called After');
    expect(await bench.provisioning.waitForRun(runId, 30_000)).toMatchObject({ status: 'completed' });
    expect(await readRun(bench, runId)).toMatchObject({ way: 'warm' });
    const { databaseId, databaseName, renamedFrom } = await readTenant(bench, tenantId);
    expect(databaseName).toMatch(/^t[0-9a-f]{8}_called_after_[0-9a-f]{8}$/);
    expect(renamedFrom).toBeNull();
    expect(pool.map(({ id }) => id)).toContain(databaseId);
    const { rows } = await bench.runOn(
      databaseName ?? '',
      'SELECT count(*)::int AS companies FROM companies',
    );
    expect(rows).toEqual([{ companies: 0 }]);
  });
});

describe('databases that are seeded', () => {
  let bench: Bench;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenant-manager-seed-'));
    const file = join(folder, 'seed.sql');
    await writeFile(file, 'INSERT INTO public.companies (name) VALUES ({{slug}});');
    bench = await createWarmBench(1, { environment: { ...noSchedule, TENANT_SEED_SQL: file } });
    await untilWarm(bench, 1);
  }, warmsWithinMs);
  afterAll(async () => {
    await stopClean(bench);
    await rm(folder, { recursive: true });
  });

  it('are warm ones too, never given away before a worker has seeded them', async () => {
    const [warm] = await untilWarm(bench, 1);
    expect(warm?.needsRun).toBe(true);
    const { tenantId, runId } = await bench.request('Seeded');
    const progress = await bench.provisioning.waitForRun(runId, 30_000);
    expect(progress).toMatchObject({ status: 'completed' });
    expect(progress?.steps.map(({ name }) => name)).toContain('seed-database');
    expect(await readRun(bench, runId)).toMatchObject({ way: 'warm' });
    const { databaseName } = await readTenant(bench, tenantId);
    expect(databaseName).toBe(warm?.databaseName);
    const { rows } = await bench.runOn(databaseName ?? '', 'SELECT name FROM companies');
    expect(rows).toEqual([{ name: 'seeded' }]);
  });
});
