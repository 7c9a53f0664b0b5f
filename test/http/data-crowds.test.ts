import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import { bearer, createDataApp, type DataApp } from './data-app.ts';

failOnLeaks();

const schema = `CREATE TABLE note (id int PRIMARY KEY);
  INSERT INTO note SELECT generate_series(1, 100);
  CREATE VIEW slow AS SELECT pg_sleep(60)::text AS slept;
  GRANT SELECT ON slow TO {{role}};`;
const seats = 6;

let place: TenantPlace;
let tenants: TestTenant[];
let data: DataApp;

beforeAll(async () => {
  place = await createTenantPlace();
  tenants = await Promise.all([1, 2, 3].map(() => place.makeTenant(schema)));
  data = await createDataApp(place, {
    maxConnections: seats,
    limits: { statementTimeoutMs: 40, leaseTimeoutMs: 60_000 },
  });
});
afterAll(async () => {
  await data.close();
  await place.drop();
});

const tenantAt = (index: number) => tenants[index % tenants.length] as TestTenant;

const read = async (tenant: TestTenant, path: string) =>
  data.app.inject({ url: `/api/data/${path}`, headers: bearer(tenant) });

/** So many at a time, until all were done. */
async function inParallel(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const hand = async () => {
    while (next < count) {
      next += 1;
      await work(next);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, hand));
}

async function expectNothingLost(): Promise<void> {
  await expect.poll(() => data.routing.stats()).toMatchObject({ leased: 0, waiting: 0, opening: 0 });
  expect(await place.countBackends()).toBeLessThanOrEqual(seats);
  expect(data.budget.taken()).toBe(data.routing.stats().connections);
  for (const tenant of tenants) {
    const answer = await read(tenant, 'note?limit=1&order=id');
    expect(answer.json()).toEqual([{ id: 1 }]);
  }
}

describe('all leases come back, and no tenant is harmed', () => {
  it('after 1,000 statements that time out, between others that do not', async () => {
    const answers = new Map<number, number>();
    const count = (status: number) => answers.set(status, (answers.get(status) ?? 0) + 1);
    await inParallel(1_000, 24, async (index) => {
      count((await read(tenantAt(index), 'slow')).statusCode);
      if (index % 10 === 0) count((await read(tenantAt(index + 1), 'note?limit=1')).statusCode);
    });
    expect([...answers].sort()).toEqual([
      [200, 100],
      [500, 1_000],
    ]);
    await expectNothingLost();
  }, 120_000);

  it('after 100 transactions that were left aborted or open, of which none is continued by the next request', async () => {
    await inParallel(100, 12, async (index) => {
      const tenant = tenantAt(index);
      const lease = await data.routing.lease(tenant, index % 2 === 0 ? {} : { changesSession: false });
      await lease.client.query('BEGIN');
      await lease.client.query('DELETE FROM note');
      if (index % 3 !== 0) await lease.client.query('SELECT 1 / 0').catch(() => undefined);
      lease.release();
    });
    for (const tenant of tenants) expect((await read(tenant, 'note?select=id')).json()).toHaveLength(100);
    await expectNothingLost();
  });
});
