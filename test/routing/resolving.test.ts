import type { KyselyPlugin } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createMessages, publish } from '../../src/registry/messages.ts';
import type { TenantStatus } from '../../src/registry/tables.generated.ts';
import { createRouting, type Routing, type RoutingLimits } from '../../src/routing/routing.ts';
import { createFixedBudget } from '../support/fixed-budget.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import { failure } from './pool-bench.ts';

failOnLeaks();

let place: TenantPlace;
let routing: Routing;
let stop: () => Promise<void>;
/** What the registry was asked, and whether it answers. */
let registry: { asked: number; isLost: boolean };

beforeAll(async () => {
  place = await createTenantPlace();
});
afterAll(() => place.drop());
afterEach(async () => {
  await stop();
  await expect.poll(() => place.countBackends()).toBe(0);
});

async function start(limits: Partial<RoutingLimits> = {}): Promise<void> {
  registry = { asked: 0, isLost: false };
  const { database, login } = place.registry;
  const messages = createMessages({ login, applicationName: 'listener', onError: () => undefined });
  await messages.start();
  const watch: KyselyPlugin = {
    transformQuery({ node }) {
      registry.asked += 1;
      if (registry.isLost) throw new Error('The registry is gone.');
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  routing = createRouting({
    database: database.withPlugin(watch),
    messages,
    masterSeal: place.masterSeal,
    budget: createFixedBudget(4),
    applicationName: 'test',
    limits: {
      maxConnectionsPerTenant: 2,
      leaseTimeoutMs: 20_000,
      statementTimeoutMs: 20_000,
      idleTimeoutMs: 60_000,
      // So long that only messages can make the difference within a test.
      cacheTtlMs: 600_000,
      ...limits,
    },
  });
  stop = async () => {
    await routing.close(5_000);
    await messages.stop();
  };
}

const tell = ({ id, slug }: TestTenant) =>
  publish(place.registry.database, { kind: 'tenant.changed', tenantId: id, slug });

const lease = (tenant: Pick<TestTenant, 'id'>): Promise<string> =>
  routing.lease(tenant).then(
    (taken) => {
      taken.release();
      return 'leased';
    },
    (error) => error.code,
  );

async function rotate(tenant: TestTenant, password: string): Promise<void> {
  await place.asAdmin.query(`ALTER ROLE ${tenant.role} PASSWORD '${password}'`);
  await place.changePassword(tenant, password);
  await tell(tenant);
}

describe('resolving', () => {
  it('asks the registry once for 100 callers, whichever name they use afterwards', async () => {
    const tenant = await place.makeTenant();
    await start();
    const found = await Promise.all(
      Array.from({ length: 100 }, () => routing.resolveTenant({ slug: tenant.slug })),
    );
    expect(new Set(found.map((one) => one?.id))).toEqual(new Set([tenant.id]));
    for (let count = 0; count < 10; count += 1) expect(await lease(tenant)).toBe('leased');
    expect(registry.asked).toBe(1);
    expect(found[0]?.database).toMatchObject({ name: tenant.database, role: tenant.role });
    expect(JSON.stringify(found[0])).not.toContain(tenant.password);
  });

  it('asks once for a name that nobody has, until somebody takes it', async () => {
    await start();
    const slug = 'not-yet-there';
    for (let count = 0; count < 20; count += 1) expect(await routing.resolveTenant({ slug })).toBeUndefined();
    expect(registry.asked).toBe(1);
    const tenant = await place.makeTenant();
    await place.registry.database
      .updateTable('tenantRegistry')
      .set({ slug })
      .where('id', '=', tenant.id)
      .execute();
    await tell({ ...tenant, slug });
    await expect.poll(() => routing.resolveTenant({ slug }).then((found) => found?.id)).toBe(tenant.id);
  });

  it.each(['no-uuid', '00000000-0000-7000-8000-000000000000', "' OR true --"])(
    'finds nobody by the id %s, and leases nothing',
    async (id) => {
      await start();
      expect(await routing.resolveTenant({ id })).toBeUndefined();
      expect(await lease({ id })).toBe('tenant_not_found');
    },
  );

  it('goes on with what it knows while the registry is away, and says so for what it does not know', async () => {
    const [known, unknown] = [await place.makeTenant(), await place.makeTenant()];
    await start();
    expect(await lease(known)).toBe('leased');
    registry.isLost = true;
    expect(await lease(known)).toBe('leased');
    expect(await lease(unknown)).toBe('registry_unavailable');
    registry.isLost = false;
    expect(await lease(unknown)).toBe('leased');
  });
});

describe('the state of a tenant', () => {
  const outcomes: [TenantStatus, string][] = [
    ['active', 'leased'],
    ['read_only', 'leased'],
    ['suspended', 'tenant_suspended'],
    ['maintenance', 'tenant_maintenance'],
    ['frozen', 'tenant_frozen'],
    ['failed', 'tenant_failed'],
    ['provisioning', 'tenant_provisioning'],
    ['requested', 'tenant_provisioning'],
    ['awaiting_verification', 'tenant_provisioning'],
    ['deleting', 'tenant_deleted'],
    ['purging', 'tenant_deleted'],
    ['deleted', 'tenant_deleted'],
  ];

  it('decides over each lease as soon as it is told, and over open connections', async () => {
    const tenant = await place.makeTenant();
    await start();
    expect(await lease(tenant)).toBe('leased');
    for (const [status, expected] of outcomes) {
      await place.setStatus(tenant, status);
      await expect.poll(() => lease(tenant), { interval: 10 }).toBe(expected);
      if (expected !== 'leased') await expect.poll(() => place.countBackends()).toBe(0);
    }
  });

  it('is found out when the message was lost with its connection', async () => {
    const tenant = await place.makeTenant();
    await start();
    expect(await lease(tenant)).toBe('leased');
    await place.setStatus(tenant, 'suspended', false);
    expect(await lease(tenant)).toBe('leased');
    await place.asAdmin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = $2',
      [place.registry.login.database, 'listener'],
    );
    // Before anybody asks: an unused connection of a suspended tenant is closed as well.
    await expect.poll(() => place.countBackends()).toBe(0);
    expect(await lease(tenant)).toBe('tenant_suspended');
  });

  it('told while the registry is away is looked at with the next lease', async () => {
    const tenant = await place.makeTenant();
    await start();
    expect(await lease(tenant)).toBe('leased');
    const asked = registry.asked;
    registry.isLost = true;
    await place.setStatus(tenant, 'suspended');
    await expect.poll(() => registry.asked).toBeGreaterThan(asked);
    expect(await lease(tenant)).toBe('registry_unavailable');
    registry.isLost = false;
    expect(await lease(tenant)).toBe('tenant_suspended');
    await expect.poll(() => place.countBackends()).toBe(0);
  });
});

describe('a changed password', () => {
  it('is used by who waited when it was changed, and no connection of the old one stays', async () => {
    const tenant = await place.makeTenant();
    await start();
    const held = [await routing.lease(tenant), await routing.lease(tenant)];
    const waiting = [routing.lease(tenant), routing.lease(tenant)];
    await expect.poll(() => routing.stats().waiting).toBe(2);
    await rotate(tenant, 'second');
    for (const taken of await Promise.all(waiting)) {
      expect((await taken.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      taken.release();
    }
    for (const taken of held) {
      expect((await taken.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
      taken.release();
    }
    await expect.poll(() => routing.stats()).toMatchObject({ leased: 0, idle: 2, connections: 2 });
    expect(routing.stats().opened).toBe(4);
  });

  it('that the registry does not know of is one refusal for each who asks, without a loop', async () => {
    const tenant = await place.makeTenant();
    await start();
    await place.asAdmin.query(`ALTER ROLE ${tenant.role} PASSWORD 'astray'`);
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => lease(tenant)));
    expect(new Set(outcomes)).toEqual(new Set(['tenant_database_unavailable']));
    expect(registry.asked).toBeLessThan(10);
    expect(routing.stats()).toMatchObject({ waiting: 0, connections: 0 });
    const { opened } = routing.stats();
    expect(opened).toBeLessThanOrEqual(4);
    await place.asAdmin.query(`ALTER ROLE ${tenant.role} PASSWORD '${tenant.password}'`);
    await expect.poll(() => lease(tenant)).toBe('leased');
  });

  it('takes over while connections of the old one still serve', async () => {
    const tenant = await place.makeTenant();
    await start();
    const held = await routing.lease(tenant);
    await place.asAdmin.query(`ALTER ROLE ${tenant.role} PASSWORD 'third'`);
    const waiting = routing.lease(tenant);
    await expect.poll(() => routing.stats().opened).toBeGreaterThan(1);
    await place.changePassword(tenant, 'third');
    await tell(tenant);
    (await waiting).release();
    held.release();
  });
});

it('reports a tenant without a database as unavailable', async () => {
  const tenant = await place.makeTenant();
  await place.registry.database
    .updateTable('tenantRegistry')
    .set({ sealedApplicationPassword: null })
    .where('id', '=', tenant.id)
    .execute();
  await start();
  expect(await failure(routing.lease(tenant))).toBe('tenant_database_unavailable');
});
