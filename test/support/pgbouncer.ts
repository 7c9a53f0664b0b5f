import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPgBouncer } from '../../scripts/test-tools.ts';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { chooseServerAccount } from '../../src/embedded/server-account.ts';
import { endWithProcess } from './end-with-process.ts';
import type { SharedPostgres } from './shared-postgres.ts';

export type PgBouncerOptions = {
  server: Pick<SharedPostgres, 'host' | 'port' | 'admin'>;
  mode: 'session' | 'transaction' | 'statement';
  /** Whether it lets settings pass that it does not know; as it comes, it refuses them. */
  isLenient?: boolean;
  /** What every login becomes; the server's admin if left out. */
  login?: { user: string; password: string };
  /** For each database. */
  poolSize?: number;
  /** Over all databases: where they are all taken, an idle one of another database is closed. */
  maxConnections?: number;
};

/** A real PgBouncer in front of a server. */
export async function startPgBouncer(
  options: PgBouncerOptions,
): Promise<{ port: number; stop: () => Promise<void> }> {
  const program = findPgBouncer();
  if (program === undefined) throw new Error('pgbouncer was not found; `npm test` says how to install it.');
  const { identity } = await chooseServerAccount();
  const folder = await mkdtemp(join(tmpdir(), 'tenant-manager-pgbouncer-'));
  const port = await findFreePort();
  const pidFile = join(folder, 'pgbouncer.pid');
  const settings = join(folder, 'pgbouncer.ini');
  await writeFile(settings, renderSettings(options, { port, pidFile }));
  await chmod(settings, 0o600);
  for (const path of [folder, settings]) if (identity) await chown(path, identity.uid, identity.gid);
  const child = spawn(program, [settings], { ...identity, stdio: ['ignore', 'ignore', 'pipe'] });
  endWithProcess({ pidFile, signal: 'KILL', folder });
  let output = '';
  const isUp = await new Promise<boolean>((resolve) => {
    child.once('exit', () => resolve(false));
    child.stderr.on('data', (chunk) => {
      output += chunk;
      if (output.includes('process up')) resolve(true);
    });
  });
  if (!isUp) throw new Error(`PgBouncer did not start: ${output}`);
  return {
    port,
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function renderSettings(
  {
    server,
    mode,
    login = server.admin,
    isLenient = false,
    poolSize = 5,
    maxConnections = 0,
  }: PgBouncerOptions,
  { port, pidFile }: { port: number; pidFile: string },
): string {
  const { host } = server;
  const lenient =
    'ignore_startup_parameters = statement_timeout, idle_in_transaction_session_timeout, options, lock_timeout';
  return `[databases]
* = host=${host} port=${server.port} user=${login.user} password=${login.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${poolSize}
max_user_connections = ${maxConnections}
pidfile = ${pidFile}
${isLenient ? lenient : ''}
`;
}
