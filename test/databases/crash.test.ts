import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TenantDatabaseNames } from '../../src/databases/database-server.ts';
import { readDatabase } from '../../src/databases/database-state.ts';
import { dropTenantDatabase } from '../../src/databases/drop-database.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { newTenant, startTenantServer, type TenantServer } from './tenant-server.ts';

failOnLeaks();

const largeTemplate = 'tm_template_large';
let on: TenantServer;

beforeAll(async () => {
  on = await startTenantServer();
  await on.session.run(`CREATE DATABASE ${largeTemplate}`);
  // 64 MB: a clone goes on for a while after its client was killed.
  await on.asSuperuser(
    largeTemplate,
    `CREATE TABLE ballast (filler text);
     ALTER TABLE ballast ALTER COLUMN filler SET STORAGE PLAIN;
     INSERT INTO ballast SELECT repeat('x', 8000) FROM generate_series(1, 8000)`,
  );
  await on.session.run(`ALTER DATABASE ${largeTemplate} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`);
});
afterAll(() => on.stop());

function startCreator(database: string, isWatched: boolean): ChildProcess {
  const script = join(import.meta.dirname, 'killed-creator.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin?.end(JSON.stringify({ server: on.server, database, template: largeTemplate, isWatched }));
  return child;
}

async function countCreators(): Promise<number> {
  const running = await on.session.rows(
    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'killed creator' AND query LIKE 'CREATE DATABASE%'",
  );
  return running.length;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(2);
}

/** Starts a creator and kills it `afterMs` after its CREATE DATABASE began. */
async function killCreator(database: string, isWatched: boolean, afterMs = 0): Promise<void> {
  const child = startCreator(database, isWatched);
  const exited = once(child, 'exit');
  await until(async () => child.exitCode !== null || (await countCreators()) > 0);
  await delay(afterMs);
  child.kill('SIGKILL');
  await exited;
}

/** CREATE DATABASE waits for its template until this is called off. */
async function holdTemplate(): Promise<() => Promise<void>> {
  const holder = await on.openSession();
  await holder.run('BEGIN');
  await holder.run(`ALTER DATABASE ${largeTemplate} RENAME TO held`);
  return async () => {
    await holder.run('ROLLBACK');
    await holder.close();
  };
}

async function compensate(names: TenantDatabaseNames): Promise<void> {
  const compensator = await on.openSession();
  expect(await compensator.lock(names.database, 30_000)).toBe(true);
  await dropTenantDatabase(compensator, names);
  await compensator.close();
}

async function expectNoOrphan(database: string): Promise<void> {
  await until(async () => (await countCreators()) === 0);
  expect(await readDatabase(on.session, database)).toBeUndefined();
}

describe.each([
  ['watches its client', true],
  ['finishes what nobody waits for', false],
] as const)('a worker killed within CREATE DATABASE, on a server that %s', (_, isWatched) => {
  it.each([0, 20, 100, 300])('leaves no orphan when it dies after %d ms', async (afterMs) => {
    const { names } = newTenant();
    await killCreator(names.database, isWatched, afterMs);
    await compensate(names);
    await expectNoOrphan(names.database);
  });
});

it('makes the compensator wait while the statement of the killed worker runs on', async () => {
  const { names } = newTenant();
  const release = await holdTemplate();
  await killCreator(names.database, false);
  const compensator = await on.openSession();
  expect(await compensator.lock(names.database, 100)).toBe(false);
  await compensator.close();
  const compensation = compensate(names);
  await release();
  await compensation;
  await expectNoOrphan(names.database);
});

it('need not wait where the server notices that its client is gone', async () => {
  const { names } = newTenant();
  const release = await holdTemplate();
  await killCreator(names.database, true);
  await compensate(names);
  await release();
  await expectNoOrphan(names.database);
});

it('would leave an orphan without the lock', async () => {
  const { names } = newTenant();
  const release = await holdTemplate();
  await killCreator(names.database, false);
  await dropTenantDatabase(on.session, names);
  await release();
  await until(async () => (await countCreators()) === 0);
  expect(await readDatabase(on.session, names.database)).toMatchObject({ allowsConnections: false });
  await dropTenantDatabase(on.session, names);
});
