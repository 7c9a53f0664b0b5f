import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { endOverdueStatements } from '../../src/databases/overdue-statements.ts';
import { openServerSession, type ServerSession } from '../../src/databases/server-session.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';

let place: TenantPlace;
let tenant: TestTenant;
let session: ServerSession;
const clients: pg.Client[] = [];

beforeAll(async () => {
  place = await createTenantPlace();
  tenant = await place.makeTenant();
  const { admin } = sharedPostgres();
  session = await openServerSession(
    { ...place.server, admin },
    { applicationName: 'test', statementTimeoutMs: 5_000 },
  );
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
});
afterAll(async () => {
  await session.close();
  await place.drop();
});

async function logIn(applicationName: string): Promise<pg.Client> {
  const { host, port } = sharedPostgres();
  const { role: user, password, database } = tenant;
  const client = new pg.Client({
    host,
    port,
    user,
    password,
    database,
    application_name: applicationName,
    statement_timeout: 100,
  });
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
}

const look = (limitMs: number, patienceMs = 60_000) =>
  endOverdueStatements(session, { applicationPrefix: 'tm-api-', limitMs, patienceMs });

describe('a statement that runs beyond every limit', () => {
  test('is cancelled although its tenant has lifted the limit of the session, and the session goes on', async () => {
    const client = await logIn('tm-api-one');
    await client.query("SELECT set_config('statement_timeout', '0', false)");
    const running = client.query('SELECT pg_sleep(60)').catch((error: Error) => error.message);
    await delay(150);
    expect(await look(60_000)).toEqual([]);
    expect(await look(100)).toEqual([{ database: tenant.database, state: 'active', isSessionEnded: false }]);
    expect(await running).toMatch('canceling statement due to user request');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  test('ends with its session when it has not heeded for too long', async () => {
    const client = await logIn('tm-api-one');
    await client.query("SELECT set_config('statement_timeout', '0', false)");
    const running = client.query('SELECT pg_sleep(60)').catch((error: Error) => error.message);
    await delay(150);
    expect(await look(50, 50)).toMatchObject([{ isSessionEnded: true }]);
    expect(await running).toMatch('terminating connection');
  });

  test('ends its session where it left a transaction open', async () => {
    const client = await logIn('tm-api-one');
    await client.query('BEGIN');
    await delay(150);
    expect(await look(100)).toMatchObject([{ state: 'idle in transaction', isSessionEnded: true }]);
    await expect(client.query('SELECT 1')).rejects.toThrow();
  });

  test('is left alone where it is none of ours, or within its time, or idle', async () => {
    const [foreign, young, idle] = [
      await logIn('psql'),
      await logIn('tm-api-two'),
      await logIn('tm-api-three'),
    ];
    await foreign.query("SELECT set_config('statement_timeout', '0', false)");
    await young.query("SELECT set_config('statement_timeout', '0', false)");
    const running = [foreign, young].map((client) => client.query('SELECT pg_sleep(0.6)'));
    await delay(200);
    expect(await look(500)).toEqual([]);
    await Promise.all(running);
    expect((await idle.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});
