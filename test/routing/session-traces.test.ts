import { setTimeout as delay } from 'node:timers/promises';
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

describe('what one lease leaves behind', () => {
  const traces: [name: string, statements: string[], look: string, clean: unknown][] = [
    ['a setting', ["SET search_path = 'elsewhere'"], 'SHOW search_path', '"$user", public'],
    ['a statement time-out', ['SET statement_timeout = 0'], 'SHOW statement_timeout', '20s'],
    [
      'a setting of its own',
      ["SELECT set_config('app.user', 'eve', false)"],
      "SELECT coalesce(current_setting('app.user', true), '') AS x",
      '',
    ],
    ['a role', ['SET ROLE pg_read_all_stats'], 'SELECT current_user::text AS x', 'own role'],
    [
      'a temporary table',
      ['CREATE TEMP TABLE secret (x int)'],
      "SELECT to_regclass('secret')::text AS x",
      null,
    ],
    ['a LISTEN', ['LISTEN gossip'], 'SELECT count(*)::int AS x FROM pg_listening_channels()', 0],
    [
      'a prepared statement',
      ['PREPARE plan AS SELECT 1'],
      'SELECT count(*)::int AS x FROM pg_prepared_statements',
      0,
    ],
    [
      'an advisory lock',
      ['SELECT pg_advisory_lock(42)'],
      "SELECT count(*)::int AS x FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
      0,
    ],
    [
      'a cursor',
      ['BEGIN', 'DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'COMMIT'],
      'SELECT count(*)::int AS x FROM pg_cursors',
      0,
    ],
    [
      'an open transaction',
      ['BEGIN', 'INSERT INTO note VALUES (1)'],
      'SELECT count(*)::int AS x FROM note',
      0,
    ],
    [
      'a transaction that only reads',
      ['SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY'],
      'SHOW default_transaction_read_only',
      'off',
    ],
  ];

  it.each(traces)('is not seen by the next: %s', async (...[, statements, look, clean]) => {
    await place.asAdmin.query(`GRANT pg_read_all_stats TO ${tenant.role}`);
    const { lease, pools } = open({ maxConnectionsPerTenant: 1 });
    const taken = await lease(tenant);
    for (const statement of statements) await taken.client.query(statement);
    taken.release();
    const next = await lease(tenant);
    expect(pools.stats().opened, 'it is the same connection').toBe(1);
    const { rows } = await next.client.query({ text: look, rowMode: 'array' });
    expect(rows).toEqual([[clean === 'own role' ? tenant.role : clean]]);
    next.release();
  });

  it('is not a transaction that failed', async () => {
    const { lease, pools } = open({ maxConnectionsPerTenant: 1 });
    const taken = await lease(tenant, { changesSession: false });
    await taken.client.query('BEGIN');
    expect(await failure(taken.client.query('SELECT 1 / 0'))).toBe('22012');
    taken.release();
    const next = await lease(tenant);
    expect((await next.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    next.release();
    expect(pools.stats().opened).toBe(1);
  });

  it('is not a transaction whose user promised to leave the session alone', async () => {
    const { lease } = open({ maxConnectionsPerTenant: 1 });
    const taken = await lease(tenant, { changesSession: false });
    await taken.client.query('BEGIN');
    await taken.client.query('INSERT INTO note VALUES (2)');
    taken.release();
    const next = await lease(tenant);
    expect((await next.client.query('SELECT * FROM note')).rows).toEqual([]);
    next.release();
  });

  it('is not a statement that still runs, nor those behind it', async () => {
    const { lease } = open({ maxConnectionsPerTenant: 1 });
    const taken = await lease(tenant, { changesSession: false });
    const late = [
      taken.client.query('SELECT pg_sleep(0.05)'),
      taken.client.query('BEGIN'),
      taken.client.query('INSERT INTO note VALUES (3)'),
    ];
    taken.release();
    const next = await lease(tenant, { changesSession: false });
    await Promise.allSettled(late);
    await next.client.query('ROLLBACK');
    const { rows } = await next.client.query('SELECT * FROM note');
    expect(rows).toEqual([]);
    next.release();
    const last = await lease(tenant);
    expect((await last.client.query('SELECT * FROM note')).rows).toEqual([]);
    last.release();
  });

  it('is no named statement that pg believes to be there', async () => {
    const { lease } = open({ maxConnectionsPerTenant: 1 });
    for (let count = 0; count < 3; count += 1) {
      const taken = await lease(tenant);
      const answer = await taken.client.query({
        name: 'one',
        text: 'SELECT $1::int AS one',
        values: [count],
      });
      expect(answer.rows).toEqual([{ one: count }]);
      await taken.client.query('DEALLOCATE ALL');
      taken.release();
    }
  });

  it('is no listener', async () => {
    const { lease } = open({ maxConnectionsPerTenant: 1 });
    const heard: unknown[] = [];
    const taken = await lease(tenant);
    taken.client.on('notification', (message) => heard.push(message.payload));
    taken.client.on('notice', (notice) => heard.push(notice.message));
    taken.release();
    const next = await lease(tenant);
    await next.client.query('LISTEN gossip');
    await next.client.query("DO $$ BEGIN RAISE NOTICE 'private'; END $$");
    await next.client.query("SELECT pg_notify('gossip', 'private')");
    await delay(50);
    expect(heard).toEqual([]);
    next.release();
  });
});
