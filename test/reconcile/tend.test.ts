import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openServerSession } from '../../src/databases/server-session.ts';
import { createTenantLifecycle } from '../../src/provisioning/tenant-lifecycle.ts';
import { holdReconciler } from '../../src/registry/repositories/reconcile.ts';
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
let template: string;

beforeAll(async () => {
  bench = await createReconcileBench(3, 0, { environment: { MAX_TOTAL_CONNECTIONS: '2' } });
  const [copy] = await bench.ask<{ name: string }>('SELECT database_name AS name FROM template_copies');
  template = copy?.name ?? '';
}, 180_000);
afterAll(() => bench.stop());

const tenant = (at: number) => bench.tenants[at] as MadeTenant;
const isOpen = async (database: string) =>
  (await bench.onServer(`SELECT datallowconn FROM pg_database WHERE datname = '${database}'`)).rows[0]
    ?.datallowconn;

async function logIn(database: string, user?: string, password?: string): Promise<pg.Client> {
  const { host, port, admin } = bench.server;
  const login = user === undefined ? admin : { user, password: password ?? '' };
  const client = new pg.Client({ host, port, database, ...login });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

describe('a worker that mends by itself', () => {
  test('leaves to an operator what somebody uses', async () => {
    const name = newDatabaseName(bench.prefix);
    await bench.onServer(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    await bench.onServer(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    const client = await logIn(name);
    const { repairs } = await bench.tend();
    expect(repairs).toMatchObject([
      { subject: name, outcome: 'held', detail: expect.stringContaining('uses it') },
    ]);
    expect(await isOpen(name)).toBe(true);
    expect((await bench.apply()).repairs).toMatchObject([{ subject: name, outcome: 'done' }]);
    expect(await isOpen(name)).toBe(false);
    await expect(client.query('SELECT 1')).rejects.toThrow();
    await bench.reconcile.dropQuarantined({ name });
  });

  test('does not sweep away many things at once, which are hardly an accident', async () => {
    const roles = Array.from({ length: 21 }, (_, at) => `a_${bench.installationId}_many${at}`);
    await bench.onServer(roles.map((role) => `CREATE ROLE ${role}`).join(';'));
    const count = async () =>
      (await bench.onServer(`SELECT count(*)::int AS n FROM pg_roles WHERE rolname ~ '_many'`)).rows[0]?.n;
    const { repairs } = await bench.tend();
    expect(new Set(repairs.map(({ outcome }) => outcome))).toEqual(new Set(['held']));
    expect(await count()).toBe(21);
    await bench.onServer(`DROP ROLE ${roles[0]}`);
    expect((await bench.tend()).repairs).toHaveLength(20);
    expect(await count()).toBe(0);
  });

  test('waits for nobody who works on a tenant, and touches nothing of it meanwhile', async () => {
    const { id, database } = tenant(0);
    const { host, port, admin } = bench.server;
    const server = { id: 's', host, port, admin, tls: { mode: 'disable' as const } };
    const worker = await openServerSession(server, { applicationName: 'test', statementTimeoutMs: 10_000 });
    await worker.lock(`tenant:${id}`, 0);
    await bench.onServer(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
    expect((await bench.tend()).repairs).toMatchObject([{ subject: database, outcome: 'busy' }]);
    expect(await isOpen(database)).toBe(false);
    await worker.close();
    expect((await bench.tend()).repairs).toMatchObject([{ subject: database, outcome: 'done' }]);
    expect(await isOpen(database)).toBe(true);
  });

  test('ends sessions that are left in the database of a deleted tenant', async () => {
    const { id, database, application } = tenant(1);
    await bench.onServer(`ALTER ROLE ${application} PASSWORD 'known to the test'`);
    const client = await logIn(database, application, 'known to the test');
    await bench.ask(`UPDATE tenant_registry SET status = 'deleting', deleting_at = now() - interval '1 minute'
      WHERE id = '${id}'`);
    const { found, repairs } = await bench.tend();
    expect(found).toMatchObject([{ kind: 'session_left', subject: database }]);
    expect(repairs).toMatchObject([{ outcome: 'done', actions: ['end_sessions'] }]);
    await expect(client.query('SELECT 1')).rejects.toThrow();
    await bench.ask(`UPDATE tenant_registry SET status = 'active', deleting_at = NULL WHERE id = '${id}'`);
    expect((await bench.apply('deep')).repairs).toMatchObject([
      { actions: ['set_password'], outcome: 'done' },
    ]);
  });

  test('takes a tenant back that an operator restored and opened again', async () => {
    const { id, slug, database } = tenant(2);
    await bench.onServer(`DROP DATABASE ${database}`);
    expect((await bench.tend()).repairs).toMatchObject([
      { actions: ['put_to_maintenance'], outcome: 'done' },
    ]);
    expect(summary((await bench.plan()).findings)).toEqual([
      `database_missing ${database}`,
      `run_needs_attention ${slug}`,
    ]);
    await bench.onServer(`CREATE DATABASE ${database} TEMPLATE ${template} ALLOW_CONNECTIONS false`);
    const lifecycle = createTenantLifecycle({
      registry: bench.registry,
      now: () => new Date(),
      afterCommit: () => undefined,
    });
    const request = { actor: { kind: 'operator', id: 'root' }, requestId: 'test' } as const;
    await lifecycle.activateTenant(id, request);
    const { findings, repairs } = await bench.apply('deep');
    expect(repairs).toMatchObject([{ actions: ['seal'], outcome: 'done' }]);
    expect(findings).toEqual([]);
    expect(await bench.askOracle()).toEqual([]);
  });

  test('leaves closed what an operator closed for maintenance, and opens it when that is over', async () => {
    const { id, database } = tenant(0);
    const setStatus = (status: string) =>
      bench.ask(`UPDATE tenant_registry SET status = '${status}' WHERE id = '${id}'`);
    await setStatus('maintenance');
    await bench.onServer(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
    expect(await bench.tend()).toMatchObject({ found: [], repairs: [] });
    // What else is wrong with it is mended behind the closed door.
    await bench.onServer(`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`);
    expect((await bench.tend()).repairs).toMatchObject([{ actions: ['seal'], outcome: 'done' }]);
    expect((await bench.plan()).findings).toEqual([]);
    expect(await isOpen(database)).toBe(false);
    await setStatus('active');
    expect((await bench.tend()).repairs).toMatchObject([{ actions: ['seal'], outcome: 'done' }]);
    expect(await isOpen(database)).toBe(true);
  });

  test('finds a process that has more connections than its share', async () => {
    const { database, application } = tenant(0);
    await bench.onServer(`ALTER ROLE ${application} PASSWORD 'known to the test'`);
    const logins = [1, 2, 3].map(() => logIn(database, application, 'known to the test'));
    const clients = await Promise.all(logins);
    expect((await bench.plan()).findings).toMatchObject([
      { kind: 'connections_over_budget', detail: expect.stringContaining('has 3 connections') },
    ]);
    await Promise.all(clients.map((client) => client.end()));
    await bench.apply('deep');
  });

  test('looks at the servers that it reaches, and says which it does not', async () => {
    const id = randomUUID();
    await bench.ask(
      `INSERT INTO database_servers (id, name, host, port) VALUES ('${id}', 'away', '127.0.0.1', 1)`,
    );
    const { database } = tenant(2);
    await bench.onServer(`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`);
    const { findings, unchecked } = await bench.plan('deep');
    expect(unchecked).toMatchObject([
      { subject: 'away', reason: expect.stringContaining('cannot be reached') },
      { subject: 'tenant-2', reason: expect.stringContaining('mended first') },
    ]);
    expect(findings).toMatchObject([{ kind: 'database_open', subject: database }]);
    await bench.ask(`DELETE FROM database_servers WHERE id = '${id}'`);
    await bench.apply();
  });
});

test('one process looks at a time, and another when that one has fallen silent', async () => {
  const hold = (holder: string) => holdReconciler(bench.registry, { holder, staleMs: 90_000 });
  await bench.ask(`DELETE FROM heartbeats WHERE name = 'reconciler'`);
  expect([await hold('first'), await hold('second'), await hold('first')]).toEqual([true, false, true]);
  await bench.ask(`UPDATE heartbeats SET beat_at = now() - interval '2 minutes' WHERE name = 'reconciler'`);
  expect([await hold('second'), await hold('first')]).toEqual([true, false]);
});
