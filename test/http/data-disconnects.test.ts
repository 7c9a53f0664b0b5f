import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import { bearer, createDataApp, type DataApp } from './data-app.ts';
import { listen } from './test-app.ts';

failOnLeaks();

const schema = `CREATE TABLE note (id int);
  INSERT INTO note SELECT generate_series(1, 100);
  CREATE VIEW quick AS SELECT id, pg_sleep(0.0003)::text AS slept FROM note;
  CREATE VIEW slow AS SELECT pg_sleep(60)::text AS slept;
  GRANT SELECT ON quick, slow TO {{role}};`;

let place: TenantPlace;
let tenants: TestTenant[];
let data: DataApp;
let port: number;

beforeAll(async () => {
  place = await createTenantPlace();
  tenants = [await place.makeTenant(schema), await place.makeTenant(schema), await place.makeTenant(schema)];
  data = await createDataApp(place, { maxConnections: 4, limits: { statementTimeoutMs: 30_000 } });
  port = Number(new URL(await listen(data.app)).port);
});
afterAll(async () => {
  await data.close();
  await place.drop();
});

const tenantAt = (index: number): TestTenant => {
  const tenant = tenants[index % tenants.length];
  if (tenant === undefined) throw new Error('No tenant.');
  return tenant;
};

function ask(tenant: TestTenant, path: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  const { authorization } = bearer(tenant);
  socket.write(`GET /api/data/${path} HTTP/1.1\r\nHost: a\r\nAuthorization: ${authorization}\r\n\r\n`);
  return socket;
}

const isQuiet = () =>
  expect
    .poll(() => data.routing.stats(), { timeout: 30_000 })
    .toMatchObject({ leased: 0, waiting: 0, opening: 0 });

async function runningStatements(): Promise<number> {
  const { rows } = await place.asAdmin.query(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = ANY ($1) AND state = 'active'",
    [tenants.map(({ role }) => role)],
  );
  return rows[0].count;
}

const answers = async (tenant: TestTenant) => {
  const answer = await fetch(`http://127.0.0.1:${port}/api/data/note?limit=1`, {
    headers: { ...bearer(tenant), connection: 'close' },
  });
  return answer.json();
};

describe('a client that goes away', () => {
  it('ends its statement', async () => {
    const socket = ask(tenantAt(0), 'slow');
    await expect.poll(runningStatements).toBe(1);
    socket.destroy();
    await expect.poll(runningStatements).toBe(0);
    await isQuiet();
    expect(await answers(tenantAt(0))).toEqual([{ id: 1 }]);
  });

  it('while it waits for a connection, leaves the queue', async () => {
    const holders = Array.from({ length: 4 }, () => ask(tenantAt(0), 'slow'));
    await expect.poll(runningStatements).toBe(4);
    const waiting = ask(tenantAt(1), 'note');
    await expect.poll(() => data.routing.stats().waiting).toBe(1);
    waiting.destroy();
    await expect.poll(() => data.routing.stats().waiting).toBe(0);
    for (const socket of holders) socket.destroy();
    await isQuiet();
  });

  it('as 1,000 do at random moments, leaves no lease, no statement and no seat behind', async () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, at) => {
        await sleep(random() * 6_000);
        const socket = ask(tenantAt(at), at % 3 === 0 ? 'slow' : 'quick');
        await sleep(random() * 150);
        if (at % 2 === 0) socket.destroy();
        else socket.resetAndDestroy();
      }),
    );
    await isQuiet();
    await expect.poll(runningStatements).toBe(0);
    expect(await place.countBackends()).toBeLessThanOrEqual(4);
    expect(data.budget.taken()).toBe(data.routing.stats().connections);
    for (const tenant of tenants) expect(await answers(tenant)).toEqual([{ id: 1 }]);
  });

  it('is no trouble of the system', () => {
    expect(data.logged.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });
});
