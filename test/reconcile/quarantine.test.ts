import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createReconcileBench, type MadeTenant, type ReconcileBench, summary } from './reconcile-bench.ts';

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
