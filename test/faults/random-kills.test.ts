import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { chooseSeed, createSeededRandom, type Random } from '../support/seeded-random.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';
import { isFullRun } from '../support/test-scale.ts';
import { type SupervisedWorker, superviseWorker } from './failpoints/supervised-worker.ts';

const kills = isFullRun ? 10_000 : 100;
const open = 8;
const operator = { actor: { kind: 'operator', id: 'test' }, requestId: 'test' } as const;

describe('two workers that are killed at random moments', () => {
  const seed = chooseSeed();
  const random = createSeededRandom(seed);
  let bench: Bench;
  let workers: [SupervisedWorker, SupervisedWorker];

  beforeAll(async () => {
    bench = await createProvisioningBench({ role: 'api' });
    workers = [superviseWorker(bench.environment, []), superviseWorker(bench.environment, [])];
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await bench.stop();
  });

  it(
    `lose no registration and no purge in ${kills} kills (TEST_SEED=${seed})`,
    async () => {
      let accepted = 0;
      let hits = 0;
      let purged = 0;
      for (let kill = 0; kill < kills; kill += 1) {
        purged += await purgeSometimes(bench, random);
        accepted += await keepBusy(bench);
        await untilSomethingIsAtWork(bench);
        await delay(random.below(200));
        hits += await countAtWork(bench);
        await workers[random.below(2)]?.kill();
      }
      await endOfAll(bench);
      console.log(`seed ${seed}: ${kills} kills, ${hits} runs were under way, ${accepted} registrations`);
      expect(hits).toBeGreaterThan(kills / 2);

      expect(await countByStatus(bench)).toEqual({
        active: accepted - purged,
        ...(purged > 0 ? { deleted: purged } : {}),
      });
      const { server, registryName: registry, config } = bench;
      expect(
        await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX }),
      ).toEqual([]);
    },
    3_600_000 * (isFullRun ? 12 : 0.25),
  );
});

const openRuns = ({ platform }: Bench) =>
  platform.registry.selectFrom('provisioningRuns').where('status', 'in', ['pending', 'processing']);

async function countAtWork(bench: Bench): Promise<number> {
  const isAlive = sql<boolean>`heartbeat_at > now() - interval '1.5 seconds'`;
  const rows = await openRuns(bench).select('id').where('owner', 'is not', null).where(isAlive).execute();
  return rows.length;
}

/** @returns how many registrations were posted. */
async function keepBusy(bench: Bench): Promise<number> {
  const missing = Math.max(0, open - (await openRuns(bench).select('id').execute()).length);
  await Promise.all(Array.from({ length: missing }, () => bench.request('Busy')));
  return missing;
}

/** @returns how many purges were begun. */
async function purgeSometimes(bench: Bench, random: Random): Promise<number> {
  if (random.below(4) > 0) return 0;
  const [tenant] = await bench.platform.registry
    .selectFrom('tenantRegistry')
    .select('id')
    .where('status', '=', 'active')
    .limit(1)
    .execute();
  if (tenant === undefined) return 0;
  await bench.provisioning.purgeTenant(tenant.id, operator);
  return 1;
}

async function untilSomethingIsAtWork(bench: Bench): Promise<void> {
  await vi.waitUntil(async () => (await countAtWork(bench)) > 0, { timeout: 60_000, interval: 20 });
}

async function endOfAll(bench: Bench): Promise<void> {
  const isOver = async () => (await openRuns(bench).select('id').execute()).length === 0;
  await vi.waitUntil(isOver, { timeout: 120_000, interval: 200 });
}

async function countByStatus({ platform }: Bench): Promise<Record<string, number>> {
  const rows = await platform.registry
    .selectFrom('tenantRegistry')
    .select(({ fn }) => ['status', fn.countAll<number>().as('count')])
    .groupBy('status')
    .execute();
  return Object.fromEntries(rows.map(({ status, count }) => [status, Number(count)]));
}
