import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Lease } from '../../src/routing/lease.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import { startRouting, type TestRouting } from './test-routing.ts';

failOnLeaks();

let place: TenantPlace;
let one: TestTenant;
let two: TestTenant;
let routing: TestRouting;

beforeAll(async () => {
  place = await createTenantPlace();
  one = await place.makeTenant('CREATE TABLE note (id int);');
  two = await place.makeTenant();
});
afterEach(async () => {
  await routing.close();
  await expect.poll(() => place.countBackends()).toBe(0);
  expect(routing.budget.taken()).toBe(0);
});
afterAll(() => place.drop());

const pidOf = async (lease: Lease): Promise<number> => {
  const { rows } = await lease.client.query('SELECT pg_backend_pid() AS pid');
  return rows[0].pid;
};

describe('a lease', () => {
  it('leads to the database of its tenant, as its role', async () => {
    routing = await startRouting(place, 4);
    const lease = await routing.lease(one);
    const { rows } = await lease.client.query(
      "SELECT current_database() AS db, current_user AS role, current_setting('statement_timeout') AS timeout",
    );
    expect(rows[0]).toEqual({ db: one.database, role: one.role, timeout: '5s' });
    lease.release();
  });

  it('is used again by the next', async () => {
    routing = await startRouting(place, 4);
    const first = await routing.lease(one);
    const pid = await pidOf(first);
    first.release();
    await expect.poll(() => routing.stats().idle).toBe(1);
    const second = await routing.lease(one, { changesSession: false });
    expect(await pidOf(second)).toBe(pid);
    second.release();
    expect(routing.stats()).toMatchObject({ idle: 1, leased: 0, opened: 1 });
  });

  it('goes back once, however often it is given back', async () => {
    routing = await startRouting(place, 4);
    const lease = await routing.lease(one, { changesSession: false });
    lease.release();
    lease.release();
    lease.abandon();
    expect(() => lease.client).toThrow('given back');
    const [a, b] = await Promise.all([routing.lease(one), routing.lease(one)]);
    expect(await pidOf(a)).not.toBe(await pidOf(b));
    a.release();
    b.release();
  });

  it('given back while its statement runs serves nobody before it is over', async () => {
    routing = await startRouting(place, 1);
    const first = await routing.lease(one);
    const running = first.client.query('SELECT pg_sleep(0.2), 1 AS mine');
    first.release();
    const second = await routing.lease(one);
    expect((await second.client.query('SELECT 2 AS yours')).rows).toEqual([{ yours: 2 }]);
    expect((await running).rows[0]).toMatchObject({ mine: 1 });
    second.release();
  });

  it('that is abandoned ends its statement', async () => {
    routing = await startRouting(place, 1, { statementTimeoutMs: 60_000 });
    const first = await routing.lease(one);
    const running = first.client.query('SELECT pg_sleep(50)');
    const outcome = expect(running).rejects.toMatchObject({ code: '57014' });
    await sleep(50);
    first.abandon();
    await outcome;
    const second = await routing.lease(one);
    expect((await second.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    second.release();
  });
});

describe('a broken connection', () => {
  it('is replaced when it broke while idle', async () => {
    routing = await startRouting(place, 2);
    const first = await routing.lease(one, { changesSession: false });
    const pid = await pidOf(first);
    first.release();
    await place.asAdmin.query('SELECT pg_terminate_backend($1)', [pid]);
    await expect.poll(() => routing.stats().connections).toBe(0);
    const second = await routing.lease(one);
    expect(await pidOf(second)).not.toBe(pid);
    second.release();
  });

  it('is thrown away when it broke in use, and its waiter gets another', async () => {
    routing = await startRouting(place, 1);
    const first = await routing.lease(one);
    const pid = await pidOf(first);
    const next = routing.lease(one);
    await place.asAdmin.query('SELECT pg_terminate_backend($1)', [pid]);
    await expect(first.client.query('SELECT 1')).rejects.toThrow();
    first.release();
    const second = await next;
    expect(await pidOf(second)).not.toBe(pid);
    second.release();
  });

  it('under 40 requests while backends are killed all the time costs errors, but no seat', async () => {
    routing = await startRouting(place, 3);
    let isOver = false;
    const killer = (async () => {
      while (!isOver) {
        await place.asAdmin.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY ($1)',
          [[one.role, two.role]],
        );
        await sleep(15);
      }
    })();
    const use = async (tenant: TestTenant) => {
      const lease = await routing.lease(tenant);
      await lease.client.query('SELECT pg_sleep(0.01)').finally(() => lease.release());
    };
    await Promise.allSettled(Array.from({ length: 40 }, (_, at) => use(at % 2 === 0 ? one : two)));
    isOver = true;
    await killer;
    await expect.poll(() => routing.stats()).toMatchObject({ leased: 0, opening: 0, waiting: 0 });
    await use(one);
    await use(two);
  });
});

const standStill = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe('waiting', () => {
  it('is first come, first served', async () => {
    routing = await startRouting(place, 1);
    const first = await routing.lease(one, { changesSession: false });
    const order: number[] = [];
    const waiting = [1, 2, 3].map(async (number) => {
      const lease = await routing.lease(one, { changesSession: false });
      order.push(number);
      lease.release();
    });
    expect(routing.stats().waiting).toBeLessThanOrEqual(3);
    first.release();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
  });

  it('ends after LEASE_TIMEOUT_MS', async () => {
    routing = await startRouting(place, 1, { leaseTimeoutMs: 1_500 });
    const first = await routing.lease(one);
    const refused = { code: 'lease_timeout' };
    await Promise.all([
      expect(routing.lease(one)).rejects.toMatchObject(refused),
      expect(routing.lease(two)).rejects.toMatchObject(refused),
    ]);
    expect(routing.stats().waiting).toBe(0);
    first.release();
  });

  it('does not end for the time in which the process stood still', async () => {
    routing = await startRouting(place, 1, { leaseTimeoutMs: 1_500 });
    const first = await routing.lease(one);
    const waiting = routing.lease(one);
    await sleep(500);
    standStill(3_000);
    await sleep(300);
    first.release();
    (await waiting).release();
  });

  it('does not end with a login that ran out of time because the process stood still', async () => {
    routing = await startRouting(place, 1, { leaseTimeoutMs: 1_500 });
    (await routing.lease(one)).release();
    const waiting = routing.lease(two);
    await expect.poll(() => routing.stats().opening, { interval: 0 }).toBe(1);
    standStill(6_000);
    (await waiting).release();
  });

  it('ends when the caller goes away', async () => {
    routing = await startRouting(place, 1);
    const first = await routing.lease(one);
    const gone = new AbortController();
    const waiting = routing.lease(two, { signal: gone.signal });
    const refused = expect(waiting).rejects.toMatchObject({ code: 'client_closed_request' });
    await expect.poll(() => routing.stats().waiting).toBe(1);
    gone.abort();
    await refused;
    await expect(routing.lease(two, { signal: gone.signal })).rejects.toMatchObject({
      code: 'client_closed_request',
    });
    first.release();
    (await routing.lease(two)).release();
  });

  it('is what happens when the role has all its connections, not failure', async () => {
    const narrow = await place.makeTenant('', { connectionLimit: 1 });
    routing = await startRouting(place, 4);
    const elsewhere = await startRouting(place, 1);
    const taken = await elsewhere.lease(narrow);
    const waiting = routing.lease(narrow);
    await sleep(150);
    expect(routing.stats().waiting).toBe(1);
    taken.release();
    await elsewhere.close();
    (await waiting).release();
  });
});

describe('a tenant whose database cannot be reached', () => {
  it.each([
    ['wrong password', (tenant: TestTenant) => `ALTER ROLE ${tenant.role} PASSWORD 'changed'`],
    ['no such database', (tenant: TestTenant) => `DROP DATABASE ${tenant.database}`],
    ['closed database', (tenant: TestTenant) => `ALTER DATABASE ${tenant.database} ALLOW_CONNECTIONS false`],
  ])('is refused at once, for all who wait: %s', async (...[, spoil]) => {
    const broken = await place.makeTenant();
    await place.asAdmin.query(spoil(broken));
    routing = await startRouting(place, 2);
    const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => routing.lease(broken)));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ reason: { code: 'tenant_database_unavailable', status: 503 } });
    }
    (await routing.lease(one)).release();
  });

  it('is served when the registry has the new password, although nobody told of it', async () => {
    const rotated = await place.makeTenant();
    routing = await startRouting(place, 2);
    await routing.resolveTenant({ id: rotated.id });
    await place.asAdmin.query(`ALTER ROLE ${rotated.role} PASSWORD 'rotated'`);
    await place.changePassword(rotated, 'rotated');
    const leases = await Promise.all([routing.lease(rotated), routing.lease(rotated)]);
    for (const lease of leases) lease.release();
  });
});

describe('closing', () => {
  it('waits for what is leased', async () => {
    routing = await startRouting(place, 2);
    const lease = await routing.lease(one);
    const running = lease.client.query('SELECT pg_sleep(0.1), 1 AS one').finally(() => lease.release());
    await routing.close(10_000);
    expect((await running).rows[0]).toMatchObject({ one: 1 });
    await expect(routing.lease(one)).rejects.toMatchObject({ code: 'shutting_down' });
  });

  it('ends a statement that outlasts its deadline', async () => {
    routing = await startRouting(place, 2, { statementTimeoutMs: 60_000 });
    const lease = await routing.lease(one);
    const running = lease.client.query('SELECT pg_sleep(50)').finally(() => lease.release());
    const outcome = expect(running).rejects.toMatchObject({ code: '57014' });
    await routing.close(100);
    await outcome;
  });

  it('takes back what nobody gives back', async () => {
    routing = await startRouting(place, 2);
    const lease = await routing.lease(one);
    await routing.close(100);
    expect(routing.budget.taken()).toBe(0);
    lease.release();
    expect(routing.budget.taken()).toBe(0);
  });

  it('refuses who waits', async () => {
    routing = await startRouting(place, 1);
    const lease = await routing.lease(one);
    const refused = expect(routing.lease(two)).rejects.toMatchObject({ code: 'shutting_down' });
    await expect.poll(() => routing.stats().waiting).toBe(1);
    const closing = routing.close();
    await refused;
    lease.release();
    await closing;
  });
});
