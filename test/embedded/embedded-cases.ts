import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import {
  type EmbeddedOptions,
  type EmbeddedPostgres,
  startEmbedded,
} from '../../src/embedded/start-embedded.ts';
import { AppError } from '../../src/errors/app-error.ts';

export const samplePath = fileURLToPath(new URL('../../samples/crm.sql', import.meta.url));
const starterPath = fileURLToPath(new URL('./starter.ts', import.meta.url));

export type LogLine = { level: 'info' | 'warn'; members: object; message: string };
export type Identity = { uid: number; gid: number };

/** What a starter process said: `environment` when it runs, `error` when it gave up. */
export type StarterAnswer = { environment?: Record<string, string>; code?: string; error?: string };
export type Starter = { child: ChildProcess; pid: number; answer: StarterAnswer };

/** Starts servers in folders of their own; `cleanUp` ends whatever is left of them. */
export function createEmbeddedCases() {
  const folders: string[] = [];
  const children: ChildProcess[] = [];
  const lines: LogLine[] = [];
  const log = {
    info: (members: object, message: string) => void lines.push({ level: 'info', members, message }),
    warn: (members: object, message: string) => void lines.push({ level: 'warn', members, message }),
  };
  function spawnStarter(dataDir: string, identity?: Identity): ChildProcess {
    const args = ['--import', 'tsx', starterPath, dataDir, samplePath];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], ...identity });
    children.push(child);
    return child;
  }
  return {
    lines,
    async newDataDir(mode = 0o711, parent = tmpdir()): Promise<string> {
      const folder = await mkdtemp(join(parent, 'tenant-manager-embedded-'));
      await chmod(folder, mode);
      folders.push(folder);
      return join(folder, 'data');
    },
    start(dataDir: string, more: Partial<EmbeddedOptions> = {}): Promise<EmbeddedPostgres> {
      return startEmbedded({ dataDir, log, samplePath, ...more });
    },
    spawnStarter,
    async startElsewhere(dataDir: string, identity?: Identity): Promise<Starter> {
      const child = spawnStarter(dataDir, identity);
      return { child, pid: child.pid ?? 0, answer: await readAnswer(child) };
    },
    async cleanUp(): Promise<void> {
      for (const child of children.splice(0)) await killProcess(child);
      for (const folder of folders.splice(0)) {
        await killServerIn(join(folder, 'data', 'pgdata'));
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

async function readAnswer(child: ChildProcess): Promise<StarterAnswer> {
  if (child.stdout === null) throw new Error('The starter has no output.');
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line) as StarterAnswer;
  throw new Error('The starter ended without a word.');
}

export async function killProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** The process that serves this folder, or null. */
export async function serverPidIn(pgData: string): Promise<number | null> {
  const text = await readFile(join(pgData, 'postmaster.pid'), 'utf8').catch(() => null);
  return text === null ? null : Number(text.split('\n')[0]);
}

/** SIGKILL for the server alone: its children find out by themselves, as after an out-of-memory kill. */
export async function killServerIn(pgData: string): Promise<void> {
  const pid = await serverPidIn(pgData);
  const folder = pid === null ? '' : await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (pid === null || !folder.includes(dirname(pgData))) return;
  process.kill(pid, 'SIGKILL');
}

type Login = { user?: string; password?: string; database?: string };

/** One statement as the administrator, or as the login given. */
export async function ask<Row extends pg.QueryResultRow>(
  environment: Record<string, string>,
  sql: string,
  login: Login = {},
): Promise<Row[]> {
  const client = new pg.Client({
    host: environment.POSTGRES_HOST,
    port: Number(environment.POSTGRES_PORT),
    user: environment.POSTGRES_ADMIN_USER,
    password: environment.POSTGRES_ADMIN_PASSWORD,
    database: 'postgres',
    ssl: false,
    ...login,
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The error of a start that must fail. */
export async function refusal(start: Promise<unknown>): Promise<AppError> {
  const outcome = await start.then(
    () => null,
    (error: unknown) => error,
  );
  if (outcome instanceof AppError) return outcome;
  throw new Error(`An AppError was expected, not: ${String(outcome)}`);
}
