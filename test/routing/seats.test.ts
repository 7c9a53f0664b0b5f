import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import {
  codeOf,
  createPoolBench,
  failure,
  makeTenants,
  type PoolBench,
  type PoolBenchOptions,
  pick,
  randomFrom,
  sampleBackends,
} from './pool-bench.ts';

failOnLeaks();

const quick = { changesSession: false };
const impatient = { ...quick, timeoutMs: 50 };

let place: TenantPlace;
let tenants: TestTenant[];
let bench: PoolBench;

beforeAll(async () => {
  place = await createTenantPlace();
  tenants = await makeTenants(place, 20, 'CREATE TABLE canary (tenant text);');
  for (const { database } of tenants) {
    await place.inDatabase(database, `INSERT INTO canary VALUES ('${database}')`);
  }
});
afterAll(() => place.drop());
afterEach(async () => {
  await bench.pools.close(5_000);
  expect(bench.budget.taken()).toBe(0);
  await expect.poll(() => place.countBackends()).toBe(0);
});

const open = (options: PoolBenchOptions = {}): PoolBench => {
  bench = createPoolBench(place, options);
  return bench;
};

const tenantAt = (index: number): TestTenant => {
  const tenant = tenants[index];
  if (tenant === undefined) throw new Error(`There is no tenant ${index}.`);
  return tenant;
};

describe('where there are more tenants than seats', () => {
  it.each([1, 2])('a tenant that never rests gives the only seats to one that waits (%i)', async (total) => {
    const { lease, leaseWhile } = open({ total, leaseTimeoutMs: 20_000 });
    let isBusy = true;
    const busy = Array.from({ length: 8 }, () => leaseWhile(() => isBusy, tenantAt(0)));
    await delay(100);
    for (const index of [1, 2, 3]) (await lease(tenantAt(index), quick)).release();
    isBusy = false;
    await Promise.all(busy);
  });

  it('all tenants under constant load get their turn', async () => {
    const { leaseWhile } = open({ total: 3, leaseTimeoutMs: 20_000 });
    const counts = tenants.slice(0, 9).map(() => 0);
    const isSomebodyUnserved = () => counts.some((count) => count < 20);
    await Promise.all(
      counts.map((_, index) =>
        Promise.all(
          [1, 2, 3].map(() =>
            leaseWhile(isSomebodyUnserved, tenantAt(index), () => {
              counts[index] = (counts[index] ?? 0) + 1;
            }),
          ),
        ),
      ),
    );
    expect(isSomebodyUnserved()).toBe(false);
  });

  it('who waits for a seat gets it in the order of coming', async () => {
    const { lease, pools } = open({ total: 1 });
    const first = await lease(tenantAt(0), quick);
    const served: number[] = [];
    const waiting = [3, 1, 2, 5, 4].map(async (index) => {
      const taken = await lease(tenantAt(index), quick);
      served.push(index);
      taken.release();
    });
    expect(pools.stats().waiting).toBe(5);
    first.release();
    await Promise.all(waiting);
    expect(served).toEqual([3, 1, 2, 5, 4]);
  });

  it('no lease is taken from its user by what others need', async () => {
    const { lease, pools } = open({ total: 2 });
    const held = await lease(tenantAt(0), quick);
    await held.client.query('BEGIN');
    const other = await lease(tenantAt(1), quick);
    expect(await failure(lease(tenantAt(2), impatient))).toBe('lease_timeout');
    other.release();
    for (const index of [2, 3, 4]) (await lease(tenantAt(index), quick)).release();
    expect((await held.client.query('SELECT now() = statement_timestamp() AS x')).rows).toEqual([
      { x: false },
    ]);
    held.release();
    expect(pools.stats().evicted.fairShare).toBeGreaterThan(0);
  });

  it('a waiter who leaves is no reason to close anything more', async () => {
    const { lease, pools } = open({ total: 1 });
    const held = await lease(tenantAt(0), quick);
    expect(await failure(lease(tenantAt(1), impatient))).toBe('lease_timeout');
    held.release();
    await delay(20);
    expect(pools.stats()).toMatchObject({ idle: 1, evicted: { fairShare: 0, budget: 0 }, waiting: 0 });
  });
});

describe('the budget', () => {
  it('holds in every sample while 20 tenants flood it, and the flood is served', async () => {
    const { lease, pools, isAtRest } = open({ total: 8, leaseTimeoutMs: 60_000 });
    const random = randomFrom(7);
    const sampler = sampleBackends(place);
    await Promise.all(
      Array.from({ length: 60 }, async () => {
        for (let count = 0; count < 15; count += 1) {
          const tenant = pick(tenants, random);
          const taken = await lease(tenant, { changesSession: random() < 0.3 });
          await taken.client.query('SELECT pg_sleep(0.001)');
          const end = random();
          if (end < 0.1) taken.release(new Error('thrown away'));
          else if (end < 0.2) taken.abandon();
          else taken.release();
        }
      }),
    );
    await expect.poll(isAtRest).toBe(true);
    const { most, samples } = await sampler.stop();
    expect(samples).toBeGreaterThan(50);
    expect(most).toBeLessThanOrEqual(8);
    expect(most).toBeGreaterThan(4);
    expect(pools.stats().opened).toBeGreaterThan(20);
  });

  it('counts a connection until the statement that it was thrown away with has ended', async () => {
    const { lease } = open({ total: 2 });
    const sampler = sampleBackends(place);
    const statements: Promise<unknown>[] = [];
    for (const index of [0, 1, 2, 3]) {
      const taken = await lease(tenantAt(index), quick);
      for (const _ of [1, 2, 3]) statements.push(taken.client.query('SELECT pg_sleep(4)').catch(codeOf));
      await delay(10);
      if (index % 2 === 0) taken.abandon();
      else taken.release(new Error('gone'));
    }
    const next = await Promise.all([lease(tenantAt(5), quick), lease(tenantAt(6), quick)]);
    for (const taken of next) taken.release();
    expect(new Set(await Promise.all(statements))).toEqual(new Set(['57014']));
    expect((await sampler.stop()).most).toBeLessThanOrEqual(2);
  });
});

it('2,000 leases of 20 tenants all mixed up meet no row of another tenant', async () => {
  const { lease, pools } = open({ total: 7, leaseTimeoutMs: 60_000 });
  const random = randomFrom(2_000);
  let done = 0;
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      for (let count = 0; count < 50; count += 1) {
        const tenant = pick(tenants, random);
        const use = { changesSession: random() < 0.2, signal: new AbortController().signal };
        const taken = await lease(tenant, use);
        const { rows } = await taken.client.query(
          'SELECT tenant, current_user::text AS role, current_database()::text AS name FROM canary',
        );
        expect(rows).toEqual([{ tenant: tenant.database, role: tenant.role, name: tenant.database }]);
        done += 1;
        taken.release();
      }
    }),
  );
  expect(done).toBe(2_000);
  expect(pools.stats().evicted.fairShare).toBeGreaterThan(0);
});
