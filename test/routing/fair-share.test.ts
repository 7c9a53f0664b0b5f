import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import { startRouting, type TestRouting } from './test-routing.ts';

failOnLeaks();

const quick = { changesSession: false };

let place: TenantPlace;
let tenants: TestTenant[];
let routing: TestRouting;

beforeAll(async () => {
  place = await createTenantPlace();
  tenants = [];
  for (let count = 0; count < 12; count += 1) tenants.push(await place.makeTenant());
});
afterEach(async () => {
  await routing.close();
  await expect.poll(() => place.countBackends()).toBe(0);
  expect(routing.budget.taken()).toBe(0);
});
afterAll(() => place.drop());

const tenantAt = (index: number): TestTenant => {
  const tenant = tenants[index % tenants.length];
  if (tenant === undefined) throw new Error('No tenant.');
  return tenant;
};

async function backendsOf(tenant: TestTenant): Promise<number> {
  const { rows } = await place.asAdmin.query(
    'SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = $1',
    [tenant.role],
  );
  return rows[0].count;
}

async function hold(tenant: TestTenant, count: number) {
  return Promise.all(Array.from({ length: count }, () => routing.lease(tenant, quick)));
}

describe('at the limit', () => {
  it('a tenant without a connection takes an idle one from the tenant that holds most', async () => {
    routing = await startRouting(place, 6);
    const rich = await hold(tenantAt(0), 4);
    const modest = await hold(tenantAt(1), 2);
    for (const lease of [...modest, ...rich]) lease.release();
    const poor = await routing.lease(tenantAt(2), quick);
    await expect.poll(() => backendsOf(tenantAt(0))).toBe(3);
    expect(await backendsOf(tenantAt(1))).toBe(2);
    poor.release();
  });

  it('among equals the one unused for longest goes', async () => {
    routing = await startRouting(place, 3);
    for (const index of [0, 1, 2]) (await routing.lease(tenantAt(index), quick)).release();
    (await routing.lease(tenantAt(0), quick)).release();
    (await routing.lease(tenantAt(3), quick)).release();
    await expect.poll(() => backendsOf(tenantAt(1))).toBe(0);
    expect(await backendsOf(tenantAt(0))).toBe(1);
  });

  it('a tenant that has all is made to share with one that has one', async () => {
    routing = await startRouting(place, 4);
    const rich = await hold(tenantAt(0), 4);
    const newcomer = [1, 2, 3].map(() => routing.lease(tenantAt(1), quick));
    await expect.poll(() => routing.stats().waiting).toBe(3);
    for (const lease of rich) lease.release();
    // Two each: with a third for the newcomer, the other would be the poorer one.
    await expect.poll(() => routing.stats()).toMatchObject({ waiting: 1, leased: 2, idle: 2 });
    expect(await backendsOf(tenantAt(0))).toBe(2);
    await Promise.all(newcomer.map(async (lease) => (await lease).release()));
    expect(routing.stats().opened).toBe(6);
  });

  it('a busy tenant does not keep the others out', async () => {
    routing = await startRouting(place, 2, { leaseTimeoutMs: 5_000 });
    let isOver = false;
    const flood = Array.from({ length: 20 }, async () => {
      while (!isOver) {
        const lease = await routing.lease(tenantAt(0), quick);
        await lease.client.query('SELECT pg_sleep(0.002)').finally(() => lease.release());
      }
    });
    for (let count = 0; count < 30; count += 1) {
      const lease = await routing.lease(tenantAt(1 + (count % 3)), quick);
      await lease.client.query('SELECT 1').finally(() => lease.release());
    }
    isOver = true;
    await Promise.all(flood);
  });

  it('everybody is served where there are more tenants than connections, and the budget holds', async () => {
    routing = await startRouting(place, 5, { leaseTimeoutMs: 60_000, maxConnectionsPerTenant: 3 });
    let isOver = false;
    const samples: number[] = [];
    const sampler = (async () => {
      while (!isOver) samples.push(await place.countBackends());
    })();
    const served = new Map<string, number>();
    const work = Array.from({ length: 24 }, async (_, at) => {
      for (let count = 0; count < 25; count += 1) {
        const tenant = tenantAt(at + (count % 3) * 5);
        const lease = await routing.lease(tenant, quick);
        const { rows } = await lease.client.query('SELECT current_database() AS name');
        lease.release();
        expect(rows[0].name).toBe(tenant.database);
        served.set(tenant.id, (served.get(tenant.id) ?? 0) + 1);
      }
    });
    await Promise.all(work);
    isOver = true;
    await sampler;
    expect([...served.values()].reduce((sum, count) => sum + count)).toBe(24 * 25);
    expect(samples.length).toBeGreaterThan(20);
    expect(Math.max(...samples)).toBeLessThanOrEqual(5);
  });

  it('connections do not go back and forth while tenants fit the budget', async () => {
    routing = await startRouting(place, 14);
    const work = Array.from({ length: 10 }, async (_, at) => {
      for (let count = 0; count < 100; count += 1) {
        const lease = await routing.lease(tenantAt(at * 7 + count), quick);
        await lease.client.query('SELECT 1').finally(() => lease.release());
      }
    });
    await Promise.all(work);
    expect(routing.stats().opened).toBeLessThan(60);
  });
});

describe('one tenant', () => {
  it('never has more than MAX_CONNECTIONS_PER_TENANT', async () => {
    routing = await startRouting(place, 12, { maxConnectionsPerTenant: 3 });
    const leases = await hold(tenantAt(0), 3);
    const fourth = routing.lease(tenantAt(0), quick);
    await expect.poll(() => routing.stats().waiting).toBe(1);
    expect(await backendsOf(tenantAt(0))).toBe(3);
    for (const lease of leases) lease.release();
    (await fourth).release();
    expect(routing.stats().opened).toBe(3);
  });
});

describe('a tenant that is no longer active', () => {
  it('loses its connections on every process that hears of it', async () => {
    const tenant = await place.makeTenant();
    routing = await startRouting(place, 4);
    const leased = await routing.lease(tenant, quick);
    (await routing.lease(tenant, quick)).release();
    await place.setStatus(tenant, 'suspended');
    await expect.poll(() => backendsOf(tenant)).toBe(1);
    await expect(routing.lease(tenant)).rejects.toMatchObject({ code: 'tenant_suspended' });
    leased.release();
    await expect.poll(() => backendsOf(tenant)).toBe(0);
    await place.setStatus(tenant, 'active');
    await expect
      .poll(() => routing.lease(tenant).then((lease) => lease.release() ?? 'leased', String))
      .toBe('leased');
  });

  it('is refused after the age of a resolved tenant when the message was lost', async () => {
    const tenant = await place.makeTenant();
    routing = await startRouting(place, 4, { cacheTtlMs: 100 });
    (await routing.lease(tenant, quick)).release();
    await place.setStatus(tenant, 'suspended', false);
    await expect
      .poll(() =>
        routing.lease(tenant).then(
          (lease) => lease.release(),
          (error) => error.code,
        ),
      )
      .toBe('tenant_suspended');
    await expect.poll(() => backendsOf(tenant)).toBe(0);
  });

  it('refuses those who wait for it', async () => {
    const tenant = await place.makeTenant();
    routing = await startRouting(place, 1);
    const other = await routing.lease(tenantAt(0), quick);
    const refused = expect(routing.lease(tenant)).rejects.toMatchObject({ code: 'tenant_suspended' });
    await expect.poll(() => routing.stats().waiting).toBe(1);
    await place.setStatus(tenant, 'suspended');
    await refused;
    other.release();
  });
});
