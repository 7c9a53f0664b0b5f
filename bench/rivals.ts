import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePort } from '../src/embedded/free-port.ts';

export type RivalKind = 'one pool' | 'least recently used' | 'a connection for each request' | 'PgBouncer';

export type Rival = {
  kind: RivalKind;
  port: number;
  jwtSecret: string;
  login: { host: string; port: number; user: string; password: string };
  /** By the tenant that a token names. */
  databaseOf: Record<string, string>;
  /** Of the one pool; of the others, how many pools are kept. */
  maxConnections: number;
  connectionsPerTenant: number;
};

/** Starts one of the other ways to serve many tenants, as a process. */
export async function startRival(rival: Omit<Rival, 'port'>) {
  const port = await findFreePort();
  const folder = await mkdtemp(join(tmpdir(), 'tenant-manager-rival-'));
  const file = join(folder, 'rival.json');
  await writeFile(file, JSON.stringify({ ...rival, port }), { mode: 0o600 });
  const script = join(import.meta.dirname, 'rival-server.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script, file], {
    env: { PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const isUp = await Promise.race([once(child.stdout, 'data').then(() => true), ended.then(() => false)]);
  await rm(folder, { recursive: true, force: true });
  if (!isUp) throw new Error(`The rival "${rival.kind}" did not start.`);
  return {
    origin: `http://127.0.0.1:${port}`,
    async stop(): Promise<void> {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
