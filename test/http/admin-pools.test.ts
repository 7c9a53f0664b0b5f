import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAdminKey } from '../../src/http/admin-key.ts';
import type { App } from '../../src/http/app.ts';
import { adminPoolsRoutes } from '../../src/http/routes/admin-pools.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { useHttpBench } from './http-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

failOnLeaks();
const bench = useHttpBench();
let app: App;

const id = (last: string) => `0199a0aa-0000-7000-8000-00000000000${last}`;
const [server, api, silent, worker] = [id('1'), id('2'), id('3'), id('4')];
const stats = (connections: number) => ({
  tenants: 2,
  idle: 1,
  opening: 0,
  waiting: 3,
  connections,
  leased: connections - 1,
  opened: 9,
  evicted: { fairShare: 4, budget: 5 },
  budget: [{ server_id: server, taken: connections, allowance: 8, demand: 6 }],
  cache: { hits: 3, misses: 1, tenants: 2 },
});

beforeAll(async () => {
  const registry = bench.database();
  ({ app } = await createTestApp([adminPoolsRoutes({ registry })], {
    authentication: {
      verifyAccessToken: async () => expect.unreachable('nobody has a token here'),
      adminKey: createAdminKey(adminKey),
    },
  }));
  await sql`INSERT INTO database_servers (id, name, host, port, region, tls)
    VALUES (${server}, 'primary', 'db.example', 5432, 'default', '{"mode":"disable"}')`.execute(registry);
  await sql`INSERT INTO connection_budgets (server_id, total, max_connections, explanation, looked_at)
    VALUES (${server}, 40, 100, '100 less what others need', now())`.execute(registry);
  type Entry = { process: string; role: string; said: object; silence: string };
  const enter = ({ process, role, said, silence }: Entry) =>
    sql`INSERT INTO processes (id, role, host, application_name, presence_key, registry_connections, stats, beat_at)
      VALUES (${process}, ${role}, 'host-1', ${`tm-${process}`}, 7, 10, ${JSON.stringify(said)}::jsonb, now() - ${silence}::interval)`.execute(
      registry,
    );
  await enter({ process: api, role: 'api', said: stats(5), silence: '1 second' });
  await enter({ process: silent, role: 'api', said: stats(2), silence: '1 minute' });
  await enter({ process: worker, role: 'worker', said: {}, silence: '0' });
  await sql`INSERT INTO connection_shares (server_id, process_id, allowance, demand)
    VALUES (${server}, ${api}, 8, 6), (${server}, ${silent}, 4, 0), (${server}, ${worker}, 5, 5)`.execute(
    registry,
  );
});
afterAll(() => app.close());

const read = async (headers: Record<string, string>) =>
  inject(app, { url: '/api/admin/pools/stats', headers });

test('the budgets, the processes and their sums are shown, and who is silent', async () => {
  const { data } = (await read({ 'x-admin-key': adminKey })).json();
  expect(data.totals).toEqual({
    processes: 3,
    silent_processes: 1,
    budget: 40,
    tenants: 4,
    connections: 7,
    leased: 5,
    idle: 2,
    opening: 0,
    waiting: 6,
    opened: 18,
    evicted_for_fairness: 8,
    evicted_for_budget: 10,
  });
  expect(data.budgets).toEqual([
    {
      server_id: server,
      server: 'primary',
      total: 40,
      allowed: 17,
      wanted: 11,
      max_connections: 100,
      explanation: '100 less what others need',
      looked_at: expect.any(String),
    },
  ]);
  const byId = new Map<string, Record<string, unknown>>(
    data.processes.map((each: { id: string }) => [each.id, each]),
  );
  expect(byId.get(api)).toMatchObject({
    role: 'api',
    is_silent: false,
    pools: { connections: 5, waiting: 3, evicted_for_fairness: 4 },
    cache: { hits: 3, misses: 1, hit_rate: 0.75 },
    shares: [{ server_id: server, taken: 5, allowance: 8, demand: 6 }],
  });
  expect(byId.get(silent)).toMatchObject({ is_silent: true });
  expect(byId.get(worker)).toMatchObject({ role: 'worker', is_silent: false, pools: null, cache: null });
});

test('nobody but an operator reads them', async () => {
  expect((await read({})).statusCode).toBe(401);
});
