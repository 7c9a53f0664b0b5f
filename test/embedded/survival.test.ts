import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEmbeddedEnvironment } from '../../src/embedded/embedded-environment.ts';
import { chooseServerAccount } from '../../src/embedded/server-account.ts';
import { ask, createEmbeddedCases, killProcess, killServerIn, serverPidIn } from './embedded-cases.ts';

const cases = createEmbeddedCases();
let dataDir: string;
let pgData: string;

beforeAll(async () => {
  dataDir = await cases.newDataDir();
  pgData = join(dataDir, 'pgdata');
});
afterAll(() => cases.cleanUp());

describe('a process that is killed', () => {
  it('leaves a server that the next start takes over, data and all', async () => {
    const killed = await cases.startElsewhere(dataDir);
    const environment = killed.answer.environment ?? {};
    await ask(environment, 'CREATE TABLE survivor (word text)');
    const serverPid = await serverPidIn(pgData);
    await killProcess(killed.child);

    expect(await readEmbeddedEnvironment(dataDir)).toEqual(environment);
    const adopted = await cases.start(dataDir);
    expect(await serverPidIn(pgData)).toBe(serverPid);
    expect(adopted.environment).toEqual(environment);
    expect(await ask(environment, 'SELECT * FROM survivor')).toEqual([]);
    await adopted.stop();
    expect(await serverPidIn(pgData)).toBeNull();
  });

  it('may be killed together with the server', async () => {
    const killed = await cases.startElsewhere(dataDir);
    await ask(killed.answer.environment ?? {}, "INSERT INTO survivor VALUES ('committed')");
    const serverPid = await serverPidIn(pgData);
    await killProcess(killed.child);
    await killServerIn(pgData);

    const again = await cases.start(dataDir);
    expect(await serverPidIn(pgData)).not.toBe(serverPid);
    expect(await ask(again.environment, 'SELECT word FROM survivor')).toEqual([{ word: 'committed' }]);
    await again.stop();
  });
});

describe('a first start that is killed', () => {
  it.each([0, 250, 500, 800, 1100])('%i ms after it began is completed by the next one', async (delayMs) => {
    const folder = await cases.newDataDir();
    const killed = cases.spawnStarter(folder);
    await expect
      .poll(() => readdir(folder).catch(() => []), { interval: 5, timeout: 20_000 })
      .not.toEqual([]);
    await delay(delayMs);
    await killProcess(killed);

    const server = await cases.start(folder);
    const [count] = await ask(server.environment, 'SELECT (SELECT count(*)::int FROM pg_tables) AS tables', {
      database: 'sample_crm',
    });
    expect(count?.tables).toBeGreaterThan(30);
    expect((await readdir(folder)).filter((name) => name.startsWith('pgdata'))).toEqual(['pgdata']);
    await server.stop();
  });
});

describe('what a killed set-up left running in the server', () => {
  it('is ended before the set-up goes on', async () => {
    const killed = await cases.startElsewhere(dataDir);
    const environment = killed.answer.environment ?? {};
    await killProcess(killed.child);
    const rest = new pg.Client({
      host: '127.0.0.1',
      port: Number(environment.POSTGRES_PORT),
      user: 'postgres',
      password: environment.POSTGRES_ADMIN_PASSWORD ?? '',
      database: 'postgres',
      application_name: 'tenant-manager/set-up',
    });
    rest.on('error', () => undefined);
    const ended = new Promise((resolve) => rest.once('end', resolve));
    await rest.connect();
    await rest.query('BEGIN; COMMENT ON DATABASE sample_crm IS NULL');

    const server = await cases.start(dataDir);
    await ended;
    await server.stop();
  });
});

describe('a server that is killed', () => {
  it('is no obstacle to stopping, nor to the next start', async () => {
    const server = await cases.start(dataDir);
    await killServerIn(pgData);
    await server.stop();
    const again = await cases.start(dataDir);
    expect(await ask(again.environment, 'SELECT word FROM survivor')).toEqual([{ word: 'committed' }]);
    await again.stop();
  });

  it('may have left its process number to another program', async () => {
    const { identity } = await chooseServerAccount();
    const sleeper = spawn('sleep', ['60'], { ...identity, cwd: '/' });
    await once(sleeper, 'spawn');
    const server = await cases.start(dataDir);
    const pidFile = await readFile(join(pgData, 'postmaster.pid'), 'utf8');
    await killServerIn(pgData);
    await server.stop();
    await writeFile(join(pgData, 'postmaster.pid'), pidFile.replace(/^\d+/, String(sleeper.pid)));

    const again = await cases.start(dataDir);
    expect(await ask(again.environment, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(sleeper.exitCode).toBeNull();
    await again.stop();
    await killProcess(sleeper);
  });
});

describe('two starts at once', () => {
  it('end with one server, and an error that names the process which has it', async () => {
    const both = await Promise.all([cases.startElsewhere(dataDir), cases.startElsewhere(dataDir)]);
    const winner = both.find(({ answer }) => answer.environment !== undefined);
    const loser = both.find(({ answer }) => answer.error !== undefined);
    expect(loser?.answer.code).toBe('embedded_postgres_failed');
    expect(loser?.answer.error).toContain(`process ${winner?.pid}`);
    expect(await ask(winner?.answer.environment ?? {}, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    winner?.child.kill('SIGTERM');
    if (winner) await once(winner.child, 'exit');
    expect(await serverPidIn(pgData)).toBeNull();
  });

  it('of a new folder make one server', async () => {
    const folder = await cases.newDataDir();
    const three = await Promise.all([1, 2, 3].map(() => cases.startElsewhere(folder)));
    const winners = three.filter(({ answer }) => answer.environment !== undefined);
    expect(winners).toHaveLength(1);
    const registry = await ask(
      winners[0]?.answer.environment ?? {},
      'SELECT count(*)::int AS count FROM pg_database',
    );
    expect(registry).toEqual([{ count: 5 }]);
  });
});
