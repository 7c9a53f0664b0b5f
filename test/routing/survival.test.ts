import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Lease } from '../../src/routing/lease.ts';
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

let place: TenantPlace;
let tenants: TestTenant[];
let one: TestTenant;
let other: TestTenant;
let bench: PoolBench;

beforeAll(async () => {
  place = await createTenantPlace();
  tenants = await makeTenants(place, 6, 'CREATE TABLE note (id int);');
  [one, other] = [pick(tenants, () => 0), pick(tenants, () => 0.5)];
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

async function pidOf({ client }: Lease): Promise<number> {
  return (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;
}

const terminate = (pid: number) => place.asAdmin.query('SELECT pg_terminate_backend($1)', [pid]);

async function expectEverythingWorks(): Promise<void> {
  await expect.poll(() => bench.isAtRest()).toBe(true);
  for (const tenant of tenants) {
    const taken = await bench.lease(tenant);
    expect((await taken.client.query('SELECT count(*)::int AS count FROM note')).rows).toEqual([
      { count: 0 },
    ]);
    taken.release();
  }
}

/** What a request may do to its connection before it is gone. */
const mishaps: ((taken: Lease) => Promise<unknown>)[] = [
  async ({ client }) => client.query('BEGIN; INSERT INTO note VALUES (1)'),
  async ({ client }) => client.query('BEGIN; SELECT 1 / 0'),
  async ({ client }) => client.query('SET statement_timeout = 5; SELECT pg_sleep(1)'),
  async (taken) => terminate(await pidOf(taken)),
  async ({ client }) => void client.query('SELECT pg_sleep(0.3)').catch(codeOf),
  async ({ client }) => void client.query('BEGIN; INSERT INTO note VALUES (2)').catch(codeOf),
  async ({ client }) => void client.query('COPY note FROM STDIN').catch(codeOf),
  async ({ client }) => client.end(),
  async ({ client }) => client.query('SELECT 1'),
];

const endings: ((taken: Lease) => void)[] = [
  (taken) => taken.release(),
  (taken) => taken.abandon(),
  (taken) => taken.release(new Error('gone')),
];

it('200 requests that end at random moments, in every bad way, cost no seat', async () => {
  const { lease, pools } = open({ total: 5, leaseTimeoutMs: 60_000 });
  const random = randomFrom(200);
  const sampler = sampleBackends(place);
  const outcomes = new Map<unknown, number>();
  const count = (outcome: unknown) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);

  async function request(): Promise<void> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), random() * 400);
    try {
      const taken = await lease(pick(tenants, random), {
        changesSession: random() < 0.5,
        signal: controller.signal,
      });
      const leave = () => pick(endings, random)(taken);
      controller.signal.addEventListener('abort', leave);
      if (random() < 0.3) await delay(random() * 30);
      if (!controller.signal.aborted) await pick(mishaps, random)(taken).catch(codeOf);
      leave();
      count('leased');
    } catch (error) {
      count(codeOf(error));
    } finally {
      clearTimeout(timer);
    }
  }

  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let index = 0; index < 10; index += 1) await request();
    }),
  );
  await expectEverythingWorks();
  expect((await sampler.stop()).most).toBeLessThanOrEqual(5);
  expect([...outcomes.keys()].sort()).toEqual(['client_closed_request', 'leased']);
  expect(outcomes.get('leased')).toBeGreaterThan(50);
  expect(pools.stats()).toMatchObject({ leased: 0, waiting: 0, opening: 0 });
});

describe('a backend that was ended', () => {
  it('while its connection was idle costs nobody an error', async () => {
    const { lease, pools } = open();
    const taken = await lease(one, quick);
    const pid = await pidOf(taken);
    taken.release();
    await terminate(pid);
    await expect.poll(() => pools.stats().connections).toBe(0);
    const next = await lease(one, quick);
    expect(await pidOf(next)).not.toBe(pid);
    next.release();
  });

  it('while it was leased and doing nothing gives its seat back with the lease', async () => {
    const { lease, pools } = open({ total: 1 });
    const taken = await lease(one, quick);
    await terminate(await pidOf(taken));
    await expect.poll(() => place.countBackends()).toBe(0);
    expect(pools.stats()).toMatchObject({ connections: 1, leased: 1 });
    taken.release();
    (await lease(other)).release();
  });

  it('in the middle of a statement is not handed to the next', async () => {
    const { lease } = open({ total: 1 });
    for (let count = 0; count < 5; count += 1) {
      const taken = await lease(one, quick);
      const running = failure(taken.client.query('SELECT pg_sleep(60)').finally(() => taken.release()));
      const { processID } = taken.client as { processID?: number };
      await terminate(processID ?? 0);
      const next = await lease(one, quick);
      expect((await next.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      next.release();
      expect(await running).toBe('57P01');
    }
  });

  it('with all others of the server lets who waits be served by new ones', async () => {
    const { lease } = open({ total: 3, maxConnectionsPerTenant: 3 });
    const leases = await Promise.all([lease(one), lease(one), lease(one)]);
    const pids = await Promise.all(leases.map(pidOf));
    const waiting = [lease(one), lease(other)];
    await Promise.all(pids.map(terminate));
    for (const taken of leases) taken.release();
    for (const taken of await Promise.all(waiting)) {
      expect((await taken.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      taken.release();
    }
  });
});

describe('a statement that runs too long', () => {
  it('ends at the statement time-out, and its connection goes on', async () => {
    const { lease, pools } = open({ statementTimeoutMs: 30, total: 1 });
    const taken = await lease(one, quick);
    const pid = await pidOf(taken);
    expect(await failure(taken.client.query('SELECT pg_sleep(5)'))).toBe('57014');
    taken.release();
    const next = await lease(one, quick);
    expect(await pidOf(next)).toBe(pid);
    next.release();
    expect(pools.stats().opened).toBe(1);
  });

  it('does not keep a new request waiting that could have another connection', async () => {
    const { lease } = open({ total: 4 });
    const left = await lease(one);
    let isOver = false;
    const running = left.client.query('SELECT pg_sleep(4)').finally(() => {
      isOver = true;
    });
    left.release();
    (await lease(one, quick)).release();
    expect(isOver).toBe(false);
    await running;
  });

  it('is ended with those behind it when its user went away without waiting', async () => {
    const { lease } = open({ total: 1, statementTimeoutMs: 0, leaseTimeoutMs: 9_000 });
    const left = await lease(one);
    const running = [1, 2, 3].map(() => failure(left.client.query('SELECT pg_sleep(60)')));
    left.abandon();
    const next = await lease(other);
    expect(await Promise.all(running)).toEqual(['57014', '57014', '57014']);
    expect(await place.countBackends()).toBe(1);
    next.release();
  });
});

describe('a login that is refused', () => {
  it('for want of connections of the role means waiting for one', async () => {
    const narrow = await place.makeTenant('', { connectionLimit: 2 });
    const { lease, pools } = open({ maxConnectionsPerTenant: 6, total: 6 });
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const taken = await lease(narrow, quick);
        await taken.client.query('SELECT pg_sleep(0.05)');
        taken.release();
        return 'served';
      }),
    );
    expect(new Set(outcomes)).toEqual(new Set(['served']));
    expect(pools.stats()).toMatchObject({ connections: 2, idle: 2 });
  });

  it('for want of connections does not knock all the time, nor take seats from others for it', async () => {
    const narrow = await place.makeTenant('', { connectionLimit: 1 });
    const { lease, pools } = open({ maxConnectionsPerTenant: 6, total: 6 });
    const held = await lease(narrow, quick);
    const refused = Array.from({ length: 10 }, () => failure(lease(narrow, { ...quick, timeoutMs: 1_500 })));
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['lease_timeout']));
    expect(pools.stats().opened).toBeLessThan(25);
    held.release();
    (await lease(narrow, quick)).release();
  });

  it('for want of connections ends with the lease time-out when no other process gives one back', async () => {
    const narrow = await place.makeTenant('', { connectionLimit: 0 });
    const { lease } = open();
    expect(await failure(lease(narrow, { ...quick, timeoutMs: 300 }))).toBe('lease_timeout');
    await place.asAdmin.query(`ALTER ROLE ${narrow.role} CONNECTION LIMIT 5`);
    (await lease(narrow, quick)).release();
  });

  it('for good is asked once for each who waits, and the registry is asked again', async () => {
    const locked = await place.makeTenant();
    await place.asAdmin.query(`ALTER ROLE ${locked.role} PASSWORD 'another'`);
    const { lease, pools, staleRoutes } = open();
    const refused = Array.from({ length: 30 }, () => failure(lease(locked, quick)));
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['tenant_database_unavailable']));
    await delay(150);
    expect(pools.stats().opened).toBeLessThanOrEqual(30);
    expect(pools.stats()).toMatchObject({ connections: 0, waiting: 0 });
    expect(new Set(staleRoutes)).toEqual(new Set([locked.id]));
  });

  it('takes no connections from tenants that are well, however often it is asked for', async () => {
    const locked = await place.makeTenant();
    await place.asAdmin.query(`ALTER ROLE ${locked.role} PASSWORD 'another'`);
    const { lease, pools } = open({ total: 3 });
    for (const tenant of tenants.slice(0, 3)) (await lease(tenant, quick)).release();
    for (let count = 0; count < 20; count += 1) {
      expect(await failure(lease(locked, quick))).toBe('tenant_database_unavailable');
      for (const tenant of tenants.slice(0, 3)) (await lease(tenant, quick)).release();
    }
    expect(pools.stats().evicted.fairShare).toBeLessThan(5);
  });
});
