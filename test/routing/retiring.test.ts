import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { errors } from '../../src/errors/catalogue.ts';
import { ConnectionPools } from '../../src/routing/connection-pools.ts';
import { createOpener } from '../../src/routing/open-tenant-database.ts';
import type { TenantDatabase } from '../../src/routing/resolved-tenant.ts';
import { createFixedBudget } from '../support/fixed-budget.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import { codeOf, createPoolBench, failure, makeTenants, pick, routeTo } from './pool-bench.ts';

failOnLeaks();

let place: TenantPlace;
let tenants: TestTenant[];
let one: TestTenant;
let other: TestTenant;

beforeAll(async () => {
  place = await createTenantPlace();
  tenants = await makeTenants(place, 4);
  [one, other] = [pick(tenants, () => 0), pick(tenants, () => 0.5)];
});
afterAll(() => place.drop());
afterEach(async () => {
  await expect.poll(() => place.countBackends()).toBe(0);
});

/** Logins that succeed, but not before the test says so. */
function slowLogins() {
  const opener = createOpener({
    masterSeal: place.masterSeal,
    applicationName: 'test',
    statementTimeoutMs: 20_000,
  });
  let letGo: () => void = () => undefined;
  const go = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const open = async (database: TenantDatabase): Promise<pg.Client> => {
    const client = await opener(database);
    await go;
    return client;
  };
  return { open, letGo };
}

describe('closing', () => {
  it('ends in time whatever its leases do, and takes everything back', async () => {
    const { lease, pools, budget } = createPoolBench(place, { total: 5, leaseTimeoutMs: 60_000 });
    const [holding, working, stacking, leaving, thrown] = await Promise.all([
      lease(one),
      lease(one),
      lease(one),
      lease(other),
      lease(other),
    ]);
    const endings = [
      working.client.query('SELECT pg_sleep(60)').catch(codeOf),
      ...[1, 2, 3].map(() => stacking.client.query('SELECT pg_sleep(60)').catch(codeOf)),
      leaving.client.query('SELECT pg_sleep(60)').catch(codeOf),
      thrown.client.query('SELECT pg_sleep(60)').catch(codeOf),
    ];
    await holding.client.query('BEGIN');
    leaving.release();
    thrown.release(new Error('gone'));
    const waiting = tenants.map((tenant) => lease(tenant).then((taken) => taken.release(), codeOf));
    await delay(50);
    const startedAt = performance.now();
    await pools.close(2_000);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(budget.taken()).toBe(0);
    await expect.poll(() => place.countBackends()).toBe(0);
    expect(new Set(await Promise.all(endings))).toEqual(new Set(['57014']));
    // One seat came back before the end; who could not use it is refused at once, not at the lease time-out.
    for (const outcome of await Promise.all(waiting)) expect([undefined, 'shutting_down']).toContain(outcome);
    for (const taken of [holding, working, stacking, leaving, thrown]) taken.release();
    expect(budget.taken()).toBe(0);
    expect(await failure(lease(one))).toBe('shutting_down');
    await pools.close(1_000);
  });

  it('returns at its deadline while a login is under way, which then leaves nothing', async () => {
    const { open, letGo } = slowLogins();
    const { lease, pools, budget } = createPoolBench(place, { open });
    const waiting = failure(lease(one));
    await expect.poll(() => place.countBackends()).toBe(1);
    const startedAt = performance.now();
    await pools.close(100);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(await waiting).toBe('shutting_down');
    letGo();
    await expect.poll(() => budget.taken()).toBe(0);
  });

  it('is done at once where nothing is open', async () => {
    const { pools } = createPoolBench(place);
    await pools.close(600_000);
  });
});

describe('a tenant that may have no connections any more', () => {
  it('keeps none of a login that was under way', async () => {
    const { open, letGo } = slowLogins();
    const { lease, pools, budget } = createPoolBench(place, { open });
    const waiting = failure(lease(one));
    await expect.poll(() => place.countBackends()).toBe(1);
    pools.retire(one.id, errors.tenantSuspended());
    expect(await waiting).toBe('tenant_suspended');
    letGo();
    await expect.poll(() => budget.taken()).toBe(0);
    await pools.close(1_000);
  });

  it('keeps none of what was leased, restored or idle', async () => {
    const { lease, pools, budget } = createPoolBench(place);
    const [leased, restored, idle] = await Promise.all([lease(one), lease(one), lease(one)]);
    idle.release();
    await expect.poll(() => pools.stats().idle).toBe(1);
    restored.release();
    pools.retire(one.id, errors.tenantSuspended());
    await expect.poll(() => budget.taken()).toBe(1);
    leased.release();
    await expect.poll(() => budget.taken()).toBe(0);
    await pools.close(1_000);
  });

  it('does not lend a connection without encryption where encryption is asked for by now', async () => {
    const { lease, pools, databaseOf } = createPoolBench(place);
    (await lease(one)).release();
    await expect.poll(() => pools.stats().idle).toBe(1);
    const encrypted: TenantDatabase = {
      ...databaseOf(one),
      server: { ...place.server, tls: { mode: 'require' } },
    };
    // The test server speaks no TLS.
    expect(await failure(pools.acquire(one.id, encrypted, {}))).toBe('tenant_database_unavailable');
    await expect.poll(() => pools.stats().connections).toBe(0);
    await pools.close(1_000);
  });
});

describe('a budget for each server', () => {
  it('is not helped by what other servers have idle, and not held up by what they close', async () => {
    const pools = new ConnectionPools({
      open: createOpener({
        masterSeal: place.masterSeal,
        applicationName: 'test',
        statementTimeoutMs: 20_000,
      }),
      budget: createFixedBudget(1),
      maxConnectionsPerTenant: 5,
      leaseTimeoutMs: 20_000,
      idleTimeoutMs: 60_000,
      onStaleRoute: () => undefined,
    });
    const routes = tenants.map((tenant, index) => {
      const route = routeTo(place, tenant);
      return { tenant, route: { ...route, server: { ...route.server, id: `server-${index % 2}` } } };
    });
    let served = 0;
    await Promise.all(
      routes.flatMap(({ tenant, route }) =>
        [1, 2, 3].map(async () => {
          for (let count = 0; count < 20; count += 1) {
            const taken = await pools.acquire(tenant.id, route, { changesSession: false });
            const { rows } = await taken.client.query('SELECT current_user::text AS role');
            expect(rows).toEqual([{ role: tenant.role }]);
            served += 1;
            taken.release();
          }
        }),
      ),
    );
    expect(served).toBe(240);
    expect(pools.stats().connections).toBe(2);
    await pools.close(5_000);
  });
});
