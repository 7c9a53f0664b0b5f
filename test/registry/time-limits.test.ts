import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openRegistry, type RegistryDatabase } from '../../src/registry/registry-database.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { type SilentProxy, startSilentProxy } from './silent-proxy.ts';

failOnLeaks();

let proxy: SilentProxy;
let database: RegistryDatabase;

beforeEach(async () => {
  const { host, port, admin } = sharedPostgres();
  proxy = await startSilentProxy({ host, port });
  database = openRegistry({
    login: { host: proxy.host, port: proxy.port, ...admin, database: 'postgres', ssl: false },
    applicationName: 'limits under test',
    poolMax: 2,
    poolTimeoutMs: 10_000,
    statementTimeoutMs: 500,
    onConnectionError: () => undefined,
  });
});

afterEach(async () => {
  await database.destroy();
  await proxy.close();
});

const one = (executor: RegistryDatabase = database) => sql`SELECT 1 AS one`.execute(executor);

it('the server ends a statement that takes too long, and the connection stays in use', async () => {
  const pid = () => sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(database);
  const { rows: before } = await pid();
  await expect(sql`SELECT pg_sleep(60)`.execute(database)).rejects.toMatchObject({ code: '57014' });
  expect((await pid()).rows).toEqual(before);
});

it('a statement to a server that has vanished fails, and its connection is not used again', async () => {
  await one();
  proxy.silence();
  await expect(one()).rejects.toThrow('Query read timeout');
  expect((await one()).rows).toEqual([{ one: 1 }]);
  await expect.poll(proxy.openConnections).toBe(1);
});

it('a transaction whose server has vanished fails with that, without waiting for its rollback as well', async () => {
  const transaction = database.transaction().execute(async (executor) => {
    await one(executor);
    proxy.silence();
    await one(executor);
  });
  await expect(transaction).rejects.toThrow('Query read timeout');
  expect((await one()).rows).toEqual([{ one: 1 }]);
  await expect.poll(proxy.openConnections).toBe(1);
});

it('a transaction whose process says nothing for too long is ended, and its locks with it', async () => {
  const hanging = database.transaction().execute(async (executor) => {
    await sql`SELECT pg_advisory_xact_lock(4711)`.execute(executor);
    await delay(1_500);
    await one(executor);
  });
  const broken = expect(hanging).rejects.toMatchObject({ code: '25P03' });
  await expect
    .poll(async () => (await sql`SELECT 1 FROM pg_locks WHERE objid = 4711`.execute(database)).rows)
    .toEqual([]);
  await broken;
  expect((await one()).rows).toEqual([{ one: 1 }]);
});
