import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionPools, type ConnectionPoolsNeeds } from '../../src/routing/connection-pools.ts';
import type { AcquireOptions, Lease } from '../../src/routing/lease.ts';
import { createOpener } from '../../src/routing/open-tenant-database.ts';
import type { TenantDatabase } from '../../src/routing/resolved-tenant.ts';
import { createFixedBudget } from '../support/fixed-budget.ts';
import type { TenantPlace, TestTenant } from '../support/tenant-database.ts';

export type PoolBenchOptions = Partial<
  Omit<ConnectionPoolsNeeds, 'budget'> & { total: number; statementTimeoutMs: number }
>;

export type PoolBench = ReturnType<typeof createPoolBench>;

/** The pools without the registry: leases of tenants made by hand. */
export function createPoolBench(place: TenantPlace, options: PoolBenchOptions = {}) {
  const { total = 10, statementTimeoutMs = 20_000, ...limits } = options;
  const budget = createFixedBudget(total);
  const staleRoutes: string[] = [];
  const pools = new ConnectionPools({
    open: createOpener({ masterSeal: place.masterSeal, applicationName: 'test', statementTimeoutMs }),
    budget,
    maxConnectionsPerTenant: 10,
    leaseTimeoutMs: 10_000,
    idleTimeoutMs: 60_000,
    onStaleRoute: (tenantId) => staleRoutes.push(tenantId),
    ...limits,
  });
  const databases = new Map<string, TenantDatabase>();

  function databaseOf(tenant: TestTenant): TenantDatabase {
    const known = databases.get(tenant.id);
    if (known !== undefined) return known;
    const made = routeTo(place, tenant);
    databases.set(tenant.id, made);
    return made;
  }

  const lease = (tenant: TestTenant, use: AcquireOptions = {}): Promise<Lease> =>
    pools.acquire(tenant.id, databaseOf(tenant), use);

  return {
    pools,
    budget,
    staleRoutes,
    lease,
    databaseOf,
    /** Takes and gives back one lease after another, each for one statement. */
    async leaseWhile(isWanted: () => boolean, tenant: TestTenant, onServed = () => {}): Promise<void> {
      while (isWanted()) {
        const taken = await lease(tenant, { changesSession: false });
        await taken.client.query('SELECT 1');
        onServed();
        taken.release();
      }
    },
    /** Every seat is either free or has an idle connection. */
    isAtRest() {
      const { connections, idle, waiting } = pools.stats();
      return connections === idle && budget.taken() === idle && waiting === 0;
    },
  };
}

export function routeTo(place: TenantPlace, tenant: TestTenant): TenantDatabase {
  const sealedDataKey = place.masterSeal.newDataKey(tenant.databaseId);
  return {
    id: tenant.databaseId,
    name: tenant.database,
    role: tenant.role,
    server: place.server,
    sealedDataKey,
    sealedPassword: place.masterSeal.sealWithDataKey(sealedDataKey, tenant.password, {
      owner: tenant.databaseId,
      column: 'application_password',
    }),
  };
}

export async function makeTenants(place: TenantPlace, count: number, schema = ''): Promise<TestTenant[]> {
  const tenants: TestTenant[] = [];
  for (let index = 0; index < count; index += 1) tenants.push(await place.makeTenant(schema));
  return tenants;
}

/** Looks at the server every few milliseconds; `stop` gives the most backends that there were at once. */
export function sampleBackends(place: TenantPlace) {
  let most = 0;
  let samples = 0;
  let isStopped = false;
  const sampling = (async () => {
    while (!isStopped) {
      most = Math.max(most, await place.countBackends());
      samples += 1;
      await delay(2);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await sampling;
      return { most, samples };
    },
  };
}

export const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : error;

/** The code of the error that it ends with; fails when it succeeds. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then((value) => {
    throw new Error(`It succeeded: ${String(value)}`);
  }, codeOf);
}

/** A random number generator that gives the same numbers again for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const pick = <Item>(items: readonly Item[], random: () => number): Item => {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('There is nothing to pick from.');
  return item;
};
