import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import { createPoolBench, failure, type PoolBench, type PoolBenchOptions } from './pool-bench.ts';

failOnLeaks();

let place: TenantPlace;
let tenant: TestTenant;
let bench: PoolBench;

beforeAll(async () => {
  place = await createTenantPlace();
  tenant = await place.makeTenant('CREATE TABLE note (id int);');
});
afterAll(() => place.drop());
afterEach(async () => {
  await bench.pools.close(5_000);
  expect(bench.budget.taken()).toBe(0);
  expect(await place.countBackends()).toBe(0);
});

const open = (options: PoolBenchOptions = {}): PoolBench => {
  bench = createPoolBench(place, options);
  return bench;
};

describe('taking a lease', () => {
  it('never gives one tenant more than its maximum, and never one connection to two', async () => {
    const { lease, pools } = open({ maxConnectionsPerTenant: 3 });
    let most = 0;
    const inUse = new Set<unknown>();
    await Promise.all(
      Array.from({ length: 60 }, async () => {
        const { client, release } = await lease(tenant).then((taken) => ({
          client: taken.client,
          release: () => taken.release(),
        }));
        expect(inUse.has(client)).toBe(false);
        inUse.add(client);
        most = Math.max(most, inUse.size);
        await client.query('SELECT pg_sleep(0.002)');
        inUse.delete(client);
        release();
      }),
    );
    expect(most).toBe(3);
    expect(pools.stats()).toMatchObject({ opened: 3, waiting: 0 });
  });

  it('serves who waits in the order of coming', async () => {
    const { lease } = open({ maxConnectionsPerTenant: 2 });
    const served: number[] = [];
    await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        const taken = await lease(tenant, { changesSession: index % 2 === 0 });
        served.push(index);
        await taken.client.query('SELECT 1');
        taken.release();
      }),
    );
    expect(served).toEqual([...served].sort((one, other) => one - other));
  });

  it('does not let a newcomer take the connection that somebody waits for', async () => {
    const { lease } = open({ maxConnectionsPerTenant: 1 });
    const first = await lease(tenant);
    const order: string[] = [];
    const waiter = lease(tenant).then((taken) => {
      order.push('waiter');
      taken.release();
    });
    first.release();
    const newcomer = lease(tenant).then((taken) => {
      order.push('newcomer');
      taken.release();
    });
    await Promise.all([waiter, newcomer]);
    expect(order).toEqual(['waiter', 'newcomer']);
  });

  it('waits no longer than the lease time-out', async () => {
    const { lease, pools } = open({ maxConnectionsPerTenant: 1 });
    const first = await lease(tenant);
    const startedAt = performance.now();
    expect(await failure(lease(tenant, { timeoutMs: 60 }))).toBe('lease_timeout');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(55);
    expect(pools.stats()).toMatchObject({ waiting: 0, leased: 1 });
    first.release();
    (await lease(tenant)).release();
  });

  it('gives up waiting when the signal says so, and leaves the queue to the others', async () => {
    const { lease, pools } = open({ maxConnectionsPerTenant: 1 });
    const first = await lease(tenant);
    const controller = new AbortController();
    const impatient = failure(lease(tenant, { signal: controller.signal }));
    const patient = lease(tenant);
    controller.abort();
    expect(await impatient).toBe('client_closed_request');
    expect(pools.stats().waiting).toBe(1);
    first.release();
    (await patient).release();
  });

  it('takes nothing for a caller who has gone already, and keeps what was opened for one who went', async () => {
    const { lease, pools } = open();
    expect(await failure(lease(tenant, { signal: AbortSignal.abort() }))).toBe('client_closed_request');
    expect(pools.stats().opened).toBe(0);
    const controller = new AbortController();
    const waiting = failure(lease(tenant, { signal: controller.signal }));
    controller.abort();
    expect(await waiting).toBe('client_closed_request');
    await expect.poll(() => pools.stats().idle).toBe(1);
  });

  it('does not hold on to the signal of a lease that was granted', async () => {
    const { lease } = open();
    const controller = new AbortController();
    const taken = await lease(tenant, { signal: controller.signal });
    controller.abort();
    expect((await taken.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    taken.release();
  });
});

describe('giving a lease back', () => {
  it('counts once, however often and however it is done', async () => {
    const { lease, pools } = open({ maxConnectionsPerTenant: 1 });
    const taken = await lease(tenant);
    taken.release();
    taken.release();
    taken.abandon();
    taken.release(new Error('late'));
    const next = await lease(tenant);
    taken.release(new Error('later still'));
    taken.abandon();
    expect((await next.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect(pools.stats()).toMatchObject({ leased: 1, opened: 1, connections: 1 });
    next.release();
  });

  it('throws a connection away when its user met an error', async () => {
    const { lease, pools } = open();
    const taken = await lease(tenant);
    taken.release(new Error('something broke'));
    (await lease(tenant)).release();
    expect(pools.stats().opened).toBe(2);
  });

  it('closes what nobody used for the idle time-out, and opens again later', async () => {
    const { lease, pools } = open({ idleTimeoutMs: 300 });
    const leases = await Promise.all([lease(tenant), lease(tenant), lease(tenant)]);
    for (const taken of leases) taken.release();
    expect(pools.stats().connections).toBe(3);
    await expect.poll(() => pools.stats()).toMatchObject({ connections: 0, tenants: 0 });
    expect(await place.countBackends()).toBe(0);
    (await lease(tenant)).release();
  });

  it('does not close what is used again and again', async () => {
    const { leaseWhile, pools } = open({ idleTimeoutMs: 1_000 });
    const endsAt = performance.now() + 2_500;
    await leaseWhile(() => performance.now() < endsAt, tenant);
    expect(pools.stats().opened).toBe(1);
  });

  it('lets the spare connections go while one is in constant use', async () => {
    const { lease, leaseWhile, pools } = open({ idleTimeoutMs: 300 });
    const leases = await Promise.all([lease(tenant), lease(tenant), lease(tenant)]);
    for (const taken of leases) taken.release();
    expect(pools.stats().connections).toBe(3);
    const deadline = performance.now() + 15_000;
    await leaseWhile(() => pools.stats().connections > 1 && performance.now() < deadline, tenant);
    expect(pools.stats().connections).toBe(1);
  });
});
