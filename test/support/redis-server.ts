import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedisServer, type RedisProgram } from '../../scripts/test-tools.ts';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { endWithProcess } from './end-with-process.ts';

const startDeadlineMs = 20_000;
const pidFileName = 'redis.pid';

export type TestRedisOptions = {
  /** `noeviction` by default, which the queue insists on. */
  maxmemoryPolicy?: 'noeviction' | 'allkeys-lru' | 'volatile-lru';
  /** As Redis writes sizes, such as `8mb`; without limit by default. */
  maxmemory?: string;
  password?: string;
};

export type TestRedis = Awaited<ReturnType<typeof startTestRedis>>;

/** A throw-away Redis that keeps nothing on disk, so `restart` brings back an empty one on the same port. */
export async function startTestRedis(options: TestRedisOptions = {}) {
  const program = findRedisServer();
  if (!program) throw new Error('redis-server was not found; `npm test` says how to install it.');
  const folder = await mkdtemp(join(tmpdir(), 'tenant-manager-redis-'));
  const launch = (port: number) =>
    launchRedis(program, [...serverArguments(options, folder), '--port', `${port}`]);
  const { port, ...started } = await launchOnFreePort(launch);
  let server = started.server;
  endWithProcess({ pidFile: join(folder, pidFileName), signal: 'KILL', folder });
  const signal = (name: NodeJS.Signals) => endOrSignal(server, name);
  return {
    port,
    url: redisUrl(port, options.password),
    /** Power is cut: clients see the connection break, what was in memory is gone. */
    kill: () => signal('SIGKILL'),
    /** The server hangs: connections stay open, nothing is answered until `resume`. */
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async restart(): Promise<void> {
      await signal('SIGKILL');
      const result = await launch(port);
      if (!result.server) throw new Error(`Redis did not start again: ${result.output}`);
      server = result.server;
    },
    async stop(): Promise<void> {
      await signal('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function serverArguments(options: TestRedisOptions, folder: string): string[] {
  const { maxmemoryPolicy = 'noeviction', maxmemory = '0', password } = options;
  const memory = ['--maxmemory-policy', maxmemoryPolicy, '--maxmemory', maxmemory];
  const place = [
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--pidfile',
    join(folder, pidFileName),
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  return [...place, ...memory, ...(password ? ['--requirepass', password] : [])];
}

function redisUrl(port: number, password: string | undefined): string {
  const login = password ? `:${encodeURIComponent(password)}@` : '';
  return `redis://${login}127.0.0.1:${port}`;
}

type Launch = { server: ChildProcess; output: string } | { server: undefined; output: string };

/** Another test may take the port between the look and the start, so that is tried again. */
async function launchOnFreePort(launch: (port: number) => Promise<Launch>) {
  for (let attempt = 1; ; attempt += 1) {
    const port = await findFreePort();
    const { server, output } = await launch(port);
    if (server) return { server, port };
    if (attempt === 3) throw new Error(`Redis did not start: ${output}`);
  }
}

/** Resolves when Redis says that it takes connections, or without a server when it has ended before. */
async function launchRedis({ file, argv0 }: RedisProgram, args: readonly string[]): Promise<Launch> {
  const server = spawn(file, args, { argv0, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const ready = new Promise<boolean>((resolve) => {
    const deadline = setTimeout(resolve, startDeadlineMs, false);
    const settle = (isReady: boolean) => {
      clearTimeout(deadline);
      resolve(isReady);
    };
    server.once('error', () => settle(false));
    server.once('exit', () => settle(false));
    for (const stream of [server.stdout, server.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
        if (output.includes('Ready to accept connections')) settle(true);
      });
    }
  });
  if (await ready) return { server, output };
  await endOrSignal(server, 'SIGKILL');
  return { server: undefined, output };
}

/** Waits for the end where the signal brings it, so that a following connect cannot reach the old server. */
async function endOrSignal(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (server.pid === undefined || server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  server.kill(signal);
  if (signal === 'SIGKILL') await ended;
}
