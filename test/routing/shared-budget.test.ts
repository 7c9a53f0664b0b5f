import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { openServerSession } from '../../src/databases/server-session.ts';
import { createMessages } from '../../src/registry/messages.ts';
import { removeProcess } from '../../src/registry/repositories/processes.ts';
import { ConnectionPools } from '../../src/routing/connection-pools.ts';
import { createDeadProcesses } from '../../src/routing/dead-processes.ts';
import { createOpener } from '../../src/routing/open-tenant-database.ts';
import type { TenantDatabase } from '../../src/routing/resolved-tenant.ts';
import { type BudgetTimes, SharedBudget } from '../../src/routing/shared-budget.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';

import { makeTenants, routeTo, sampleBackends } from './pool-bench.ts';

failOnLeaks();

let place: TenantPlace;
let tenants: TestTenant[];
const running: { leave(): Promise<void> }[] = [];
const routes = new Map<string, TenantDatabase>();

beforeAll(async () => {
  place = await createTenantPlace();
  tenants = await makeTenants(place, 12);
}, 60_000);
afterAll(() => place.drop());
afterEach(async () => {
  await Promise.all(running.splice(0).map((member) => member.leave()));
  await place.registry.database.deleteFrom('processes').execute();
  await setTotal(8);
});

async function setTotal(total: number): Promise<void> {
  const serverId = place.server.id;
  await place.registry.database
    .insertInto('connectionBudgets')
    .values({ serverId, total })
    .onConflict((conflict) => conflict.column('serverId').doUpdateSet({ total }))
    .execute();
}

/** What of a process has to do with the budget: its pools, its share, its ear. */
async function join(times: Partial<BudgetTimes> = {}) {
  const { database, login } = place.registry;
  const id = randomUUID();
  const applicationName = `tm-api-${id.slice(0, 8)}`;
  const presenceKey = BigInt(Math.floor(Math.random() * 2 ** 52));
  const messages = createMessages({ login, applicationName: 'test', presenceKey, onError: () => undefined });
  await messages.start();
  const budget = new SharedBudget({
    registry: database,
    messages,
    process: {
      id,
      role: 'api',
      host: 'here',
      applicationName,
      presenceKey: String(presenceKey),
      registryConnections: 1,
    },
    usualTotal: 8,
    stats: () => ({}),
    onError: () => undefined,
    times: { beatMs: 200, ...times },
  });
  const pools = new ConnectionPools({
    open: createOpener({ masterSeal: place.masterSeal, applicationName, statementTimeoutMs: 20_000 }),
    budget,
    maxConnectionsPerTenant: 10,
    leaseTimeoutMs: 10_000,
    idleTimeoutMs: 60_000,
    onStaleRoute: () => undefined,
  });
  await budget.start();
  const lease = async (tenant: TestTenant) =>
    pools.acquire(tenant.id, routeOf(tenant), { changesSession: false });
  const member = {
    id,
    applicationName,
    budget,
    pools,
    messages,
    lease,
    allowance: () => budget.stats()[0]?.allowance ?? 0,
    async serve(tenant: TestTenant): Promise<void> {
      const taken = await lease(tenant);
      const { rows } = await taken.client.query('SELECT current_user::text AS role');
      taken.release();
      expect(rows).toEqual([{ role: tenant.role }]);
    },
    async leave(): Promise<void> {
      await pools.close(5_000);
      await budget.stop();
      await messages.stop();
    },
  };
  running.push(member);
  return member;
}

function routeOf(tenant: TestTenant): TenantDatabase {
  const route = routes.get(tenant.id) ?? routeTo(place, tenant);
  routes.set(tenant.id, route);
  return route;
}

const at = (index: number) => tenants[index % tenants.length] as TestTenant;

/** Clients that ask one after the other until they are told to stop. */
function startClients(
  member: { serve(tenant: TestTenant): Promise<void> },
  clients: number,
  choose: () => TestTenant,
) {
  let isStopped = false;
  let served = 0;
  const work = Promise.all(
    Array.from({ length: clients }, async () => {
      while (!isStopped) {
        await member.serve(choose());
        served += 1;
      }
    }),
  );
  return {
    served: () => served,
    async stop() {
      isStopped = true;
      await work;
      return served;
    },
  };
}

async function readShares() {
  return place.registry.database.selectFrom('connectionShares').select(['processId', 'allowance']).execute();
}

const sumOfShares = async () => (await readShares()).reduce((sum, { allowance }) => sum + allowance, 0);

describe('the budget of a server', () => {
  test('belongs to the only process that asks, and to nobody once it has gone', async () => {
    await setTotal(8);
    const one = await join();
    await one.serve(at(0));
    expect(await readShares()).toEqual([{ processId: one.id, allowance: 8 }]);
    await running.pop()?.leave();
    expect(await readShares()).toEqual([]);
  });

  test('is never exceeded while three processes with more clients than connections ask for all tenants', async () => {
    await setTotal(8);
    const sampling = sampleBackends(place);
    const [one, two] = [await join(), await join()];
    const choose = () => at(Math.floor(Math.random() * tenants.length));
    const clients = [one, two].map((member) => startClients(member, 10, choose));
    await delay(1_500);
    const third = await join();
    clients.push(startClients(third, 10, choose));
    await delay(1_500);
    const served = await Promise.all(clients.map((each) => each.stop()));
    const { most } = await sampling.stop();
    expect(most).toBeLessThanOrEqual(8);
    expect(most).toBeGreaterThan(4);
    for (const count of served) expect(count).toBeGreaterThan(20);
    expect(await sumOfShares()).toBeLessThanOrEqual(8);
  });

  test('goes to a process that comes later, although the first has all of it idle', async () => {
    await setTotal(8);
    const one = await join();
    const held = await Promise.all([...tenants.slice(0, 8)].map((tenant) => one.lease(tenant)));
    for (const lease of held) lease.release();
    expect(one.allowance()).toBe(8);
    // No longer in use, so that nothing of it counts as wanted.
    await delay(2_500);
    const two = await join();
    const begun = performance.now();
    await two.serve(at(9));
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(one.allowance() + two.allowance()).toBeLessThanOrEqual(8);
  });

  test('can be lowered while it is in use: what is too much is closed as it comes back', async () => {
    await setTotal(8);
    const one = await join();
    const held = await Promise.all(tenants.slice(0, 6).map((tenant) => one.lease(tenant)));
    await setTotal(3);
    await vi.waitFor(() => expect(one.allowance()).toBe(3), 5_000);
    expect(await readShares()).toEqual([{ processId: one.id, allowance: 6 }]);
    for (const lease of held) lease.release();
    await vi.waitFor(
      async () => expect(await readShares()).toEqual([{ processId: one.id, allowance: 3 }]),
      5_000,
    );
    expect(one.pools.stats()).toMatchObject({ connections: 3, evicted: { budget: 3 } });
  });
});

describe('a process that the registry does not hear from', () => {
  test('opens nothing once its allowance is too old, and goes on when the registry is back', async () => {
    await setTotal(8);
    const one = await join({ validMs: 600, beatMs: 60_000 });
    await one.serve(at(0));
    await delay(700);
    await one.serve(at(0));
    const waiting = one.lease(at(1));
    await expect(Promise.race([waiting, delay(300, 'still waiting')])).resolves.toBe('still waiting');
    expect(one.pools.stats().connections).toBe(1);
    await running.pop()?.leave();
    await expect(waiting).rejects.toMatchObject({ code: 'shutting_down' });
  });

  test('that was taken for dead begins with nothing, and is given its part again', async () => {
    await setTotal(8);
    const one = await join();
    await one.serve(at(0));
    await removeProcess(place.registry.database, one.id);
    await vi.waitFor(
      async () => expect((await readShares()).map(({ processId }) => processId)).toEqual([one.id]),
      5_000,
    );
    await one.serve(at(3));
  });
});

describe('what a dead process had', () => {
  const bury = async (deadAfterMs: number) => {
    const dead = createDeadProcesses({
      registry: place.registry.database,
      withSession: async (_serverId, work) => {
        const { host, port, admin } = sharedPostgres();
        const server = { ...place.server, host, port, admin };
        const session = await openServerSession(server, {
          applicationName: 'test',
          statementTimeoutMs: 5_000,
        });
        return work(session).finally(session.close);
      },
      log: pino({ level: 'silent' }),
      deadAfterMs,
      graceMs: 0,
    });
    await dead.bury();
    await dead.bury();
  };

  test('is free when it is silent, gone from the registry, and has no connection left', async () => {
    await setTotal(8);
    const one = await join({ beatMs: 60_000 });
    await one.serve(at(0));
    await delay(50);
    await bury(10);
    expect(await sumOfShares()).toBe(8);
    // Gone from the registry, as after a kill; its connection to the tenant is still there.
    await one.messages.stop();
    await bury(10);
    expect(await sumOfShares()).toBe(8);
    await one.pools.close(5_000);
    await bury(60_000);
    expect(await sumOfShares()).toBe(8);
    await bury(10);
    expect(await readShares()).toEqual([]);
    running.splice(0);
    await one.budget.stop();
  });
});
