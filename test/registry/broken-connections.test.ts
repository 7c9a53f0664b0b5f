import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openRegistry, type RegistryDatabase } from '../../src/registry/registry-database.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';

failOnLeaks();

/** Whether the server's last words arrive before the end of the connection is up to the network. */
const brokeOff = /terminat|ECONNRESET/;

let server: TestPostgres;
let database: RegistryDatabase;
const idleBreaks: Error[] = [];

beforeAll(async () => {
  server = await startTestPostgres();
  const { host, port, admin } = server;
  database = openRegistry({
    login: { host, port, ...admin, database: 'postgres', ssl: false },
    applicationName: 'test',
    poolMax: 3,
    poolTimeoutMs: 10_000,
    onConnectionError: (error) => idleBreaks.push(error),
  });
  await sql`CREATE TABLE notes (note text)`.execute(database);
});

afterEach(() => {
  idleBreaks.length = 0;
});

afterAll(async () => {
  await database.destroy();
  await server.stop();
});

const ownPid = async (executor: RegistryDatabase): Promise<number> => {
  const { rows } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(executor);
  return rows[0]?.pid ?? 0;
};

const terminate = (pid: number) => sql`SELECT pg_terminate_backend(${pid}, 10000)`.execute(database);

const countNotes = async (): Promise<number> => {
  const { rows } = await sql<{ count: number }>`SELECT count(*) FROM notes`.execute(database);
  return rows[0]?.count ?? -1;
};

describe('a connection that breaks within a transaction', () => {
  it('rejects the transaction with what broke it, between two statements', async () => {
    const transaction = database.transaction().execute(async (executor) => {
      await sql`INSERT INTO notes VALUES ('lost')`.execute(executor);
      await terminate(await ownPid(executor));
      await sql`INSERT INTO notes VALUES ('later')`.execute(executor);
    });
    await expect(transaction).rejects.toThrow(brokeOff);
    expect(await countNotes()).toBe(0);
  });

  it('rejects the transaction with what broke it, during a statement', async () => {
    const transaction = database.transaction().execute(async (executor) => {
      const pid = await ownPid(executor);
      const sleeping = sql`SELECT pg_sleep(60)`.execute(executor);
      await Promise.all([sleeping, terminate(pid)]);
    });
    await expect(transaction).rejects.toThrow(brokeOff);
    expect(await countNotes()).toBe(0);
  });

  it('is the error of the commit when nothing was asked in between', async () => {
    const transaction = database.transaction().execute(async (executor) => {
      await sql`INSERT INTO notes VALUES ('lost')`.execute(executor);
      await terminate(await ownPid(executor));
    });
    await expect(transaction).rejects.toThrow(brokeOff);
    expect(await countNotes()).toBe(0);
  });

  it('is not used again', async () => {
    const pids: number[] = [];
    for (let round = 0; round < 5; round++) {
      await database
        .transaction()
        .execute(async (executor) => {
          pids.push(await ownPid(executor));
          await terminate(pids.at(-1) ?? 0);
        })
        .catch(() => undefined);
    }
    expect(new Set(pids).size).toBe(5);
  });
});

it('keeps a connection whose statement the server refused, and the statement’s own error', async () => {
  const transaction = database.transaction().execute((executor) => sql`SELECT 1/0`.execute(executor));
  await expect(transaction).rejects.toMatchObject({ code: '22012' });
  expect(await countNotes()).toBe(0);
});

it('outlives the crash of a server under open transactions and idle connections', async () => {
  let began = 0;
  let crash: (() => void) | undefined;
  const crashed = new Promise<void>((resolve) => {
    crash = resolve;
  });
  const work = (statement: string) =>
    database.transaction().execute(async (executor) => {
      await sql`INSERT INTO notes VALUES ('lost')`.execute(executor);
      began++;
      await sql.raw(statement).execute(executor);
      await crashed;
      await sql`SELECT 1`.execute(executor);
    });
  const outcomes = Promise.allSettled([work('SELECT 1'), work('SELECT pg_sleep(60)')]);
  await countNotes();
  await expect.poll(() => began).toBe(2);
  await server.restart('immediate');
  crash?.();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect.poll(countNotes).toBe(0);
});
