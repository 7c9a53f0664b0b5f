import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { isPlatformDatabase } from '../../src/registry/repositories/template-overview.ts';
import { failOnLeaks } from '../support/leaks.ts';
import {
  createReconcileBench,
  type MadeTenant,
  newDatabaseName,
  type ReconcileBench,
  summary,
} from './reconcile-bench.ts';

failOnLeaks();
let bench: ReconcileBench;

beforeAll(async () => {
  bench = await createReconcileBench(1, 1);
}, 180_000);
afterAll(() => bench.stop());

const tenant = () => bench.tenants[0] as MadeTenant;
const isOpen = async (database: string) =>
  (await bench.onServer(`SELECT datallowconn FROM pg_database WHERE datname = '${database}'`)).rows[0]
    ?.datallowconn;
const quarantine = (database: string) =>
  bench.ask(`INSERT INTO quarantined_objects (id, server_id, kind, name, reason)
    SELECT gen_random_uuid(), id, 'database', '${database}', 'nobody named it once' FROM database_servers`);

describe('a database in quarantine that a row names by now', () => {
  test.each(['tenant', 'warm database'])('is forgotten there, and stays open: %s', async (whose) => {
    const [warm] = await bench.ask<{ name: string }>('SELECT database_name AS name FROM warm_databases');
    const database = whose === 'tenant' ? tenant().database : (warm?.name ?? '');
    await quarantine(database);
    expect(summary((await bench.plan()).findings)).toEqual([`quarantined_named ${database}`]);
    expect((await bench.tend()).repairs).toMatchObject([
      { subject: database, actions: ['forget_quarantined'], outcome: 'done' },
    ]);
    expect(await isOpen(database)).toBe(true);
    expect(await bench.tend()).toEqual({ found: [], unchecked: [], repairs: [] });
    expect(await bench.ask('SELECT name FROM quarantined_objects')).toEqual([]);
  });
});

describe('an operator', () => {
  let name: string;
  beforeEach(async () => {
    name = newDatabaseName(bench.prefix);
    const [copy] = await bench.ask<{ name: string }>('SELECT database_name AS name FROM template_copies');
    await bench.onServer(`CREATE DATABASE ${name} TEMPLATE ${copy?.name}`);
    await bench.onServer(`GRANT CONNECT ON DATABASE ${name} TO ${tenant().application}`);
    expect((await bench.tend()).repairs).toMatchObject([{ subject: name, actions: ['quarantine'] }]);
    expect(await isOpen(name)).toBe(false);
  });
  afterEach(async () => {
    await bench.onServer(`DROP DATABASE IF EXISTS ${name} (FORCE)`);
    expect((await bench.tend()).repairs).toMatchObject([{ actions: ['forget_quarantined'] }]);
  });
  const open = () => bench.onServer(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
  const mayEnter = async (role: string) =>
    (await bench.onServer(`SELECT has_database_privilege('${role}', '${name}', 'CONNECT') AS may`)).rows[0]
      ?.may;

  test('may look at a database in quarantine, which is shut when he has left it', async () => {
    await open();
    const { host, port, admin } = bench.server;
    const client = new pg.Client({ host, port, database: name, ...admin });
    await client.connect();
    expect((await bench.tend()).repairs).toMatchObject([{ subject: name, outcome: 'held' }]);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    // Opening it let no tenant in.
    expect(await mayEnter(tenant().application)).toBe(false);
    await client.end();
    const sessions = `SELECT FROM pg_stat_activity WHERE datname = '${name}'`;
    await vi.waitFor(async () => expect((await bench.onServer(sessions)).rowCount).toBe(0));
    expect((await bench.tend()).repairs).toMatchObject([{ actions: ['close_again'], outcome: 'done' }]);
    expect(await isOpen(name)).toBe(false);
  });

  test('takes one over for good, and nobody touches it any more', async () => {
    const choice = { name, server: 'default' };
    expect(await bench.reconcile.releaseQuarantined(choice)).toEqual({ released: name, server: 'default' });
    expect([await isOpen(name), await mayEnter(tenant().application)]).toEqual([true, false]);
    expect(await bench.tend()).toEqual({ found: [], unchecked: [], repairs: [] });
    // Tenants’ code may be in it, which must not run as the platform.
    expect(await isPlatformDatabase(bench.registry, name)).toBe(true);
    const { quarantined } = await bench.plan();
    expect(quarantined).toMatchObject([{ name, released_at: expect.any(String) }]);
    await expect(bench.reconcile.dropQuarantined(choice)).rejects.toMatchObject({ code: 'not_found' });
    expect(await isOpen(name)).toBe(true);
  });
});
