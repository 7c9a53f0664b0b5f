import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type RunningProgram, startProgram } from '../support/programs.ts';

failOnLeaks();

let folder: string;
let started: RunningProgram | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenant-manager-stop-'));
  // The account that the server runs as must get in.
  await chmod(folder, 0o711);
});

afterEach(async () => {
  await started?.kill('SIGKILL');
  const [pid] = existsSync(pidFile()) ? readFileSync(pidFile(), 'utf8').split('\n') : [];
  if (pid !== undefined) process.kill(Number(pid), 'SIGQUIT');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function startAll(dataDir: string) {
  return startProgram('all', {
    NODE_ENV: 'development',
    EMBEDDED_DATA_DIR: dataDir,
    HOST: '127.0.0.1',
    PORT: String(await findFreePort()),
    METRICS_PORT: String(await findFreePort()),
  });
}

/** Whatever still works on the folder: the server, and the programs that make or start it. */
async function serverProcesses(dataDir: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
  return stdout.split('\n').filter((line) => line.includes(dataDir));
}

const pidFile = () => join(folder, 'pgdata', 'postmaster.pid');

async function serverHasPid(): Promise<void> {
  while (!existsSync(pidFile())) await delay(5);
}

describe('SIGTERM during the start', () => {
  // One folder for all: what the signal came between must not keep the next start from working either.
  it.each<[string, (program: RunningProgram) => Promise<unknown>]>([
    ['while the server is made', ({ saw }) => saw(/Setting up PostgreSQL/)],
    ['when the server is about to run', serverHasPid],
    ['when the server has begun to run', ({ saw }) => saw(/PostgreSQL is running/)],
    ['somewhat later', ({ saw }) => saw(/PostgreSQL is running/).then(() => delay(200))],
    ['later still', ({ saw }) => saw(/PostgreSQL is running/).then(() => delay(600))],
    ['as soon as it is ready', ({ saw }) => saw(/Ready/)],
    ['when it is ready', ({ saw }) => saw(/tenant-manager is ready/)],
  ])('leaves no server behind: %s', async (_, moment) => {
    started = await startAll(folder);
    await moment(started);
    await started.kill('SIGTERM');
    expect(await serverProcesses(folder), started.output()).toEqual([]);
    expect(existsSync(pidFile())).toBe(false);
    expect(await started.exited, started.output()).toBe(0);
    expect(started.output()).not.toMatch(/"level":(50|60)|Stopping has begun/);
  });
});
