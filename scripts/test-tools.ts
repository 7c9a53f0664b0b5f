import { spawnSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const postgresMajor = 15;
const distributionPrograms = '/usr/lib/postgresql';

type TestTool = {
  name: string;
  /** What a person without apt-get installs. */
  advice: string;
  packages: readonly string[];
  isPresent: () => boolean;
};

/** What the tests start or call and npm cannot bring. */
const testTools: readonly TestTool[] = [
  {
    name: `pg_dump and pg_restore, version ${postgresMajor} or newer`,
    advice: 'the PostgreSQL client programs (postgresql.org/download; Homebrew: libpq)',
    packages: ['postgresql-client'],
    isPresent: () => ['pg_dump', 'pg_restore'].every(hasCurrentMajor),
  },
  {
    name: 'redis-server',
    advice: 'Redis 6.2 or newer (redis.io/docs/install; Homebrew: redis)',
    // The package redis-server would also start a service on the port that others use.
    packages: ['redis-tools'],
    isPresent: () => findRedisServer() !== undefined,
  },
  {
    name: 'pgbouncer',
    advice: 'PgBouncer (pgbouncer.org; Homebrew: pgbouncer)',
    packages: ['pgbouncer'],
    isPresent: () => findPgBouncer() !== undefined,
  },
];

export type RedisProgram = { file: string; argv0: string };

/**
 * Redis is one program that acts by the name it is called by. Debian's redis-tools has it as redis-check-rdb
 * only; its redis-server package adds a link to that file, and a service.
 */
export function findRedisServer(): RedisProgram | undefined {
  for (const name of ['redis-server', 'redis-check-rdb']) {
    const file = findPrograms(name)[0];
    if (file) return { file, argv0: 'redis-server' };
  }
  return undefined;
}

export function findPgBouncer(): string | undefined {
  return findPrograms('pgbouncer')[0];
}

/** Installs with apt-get what is missing, where that may be done without asking anybody; throws otherwise. */
export function ensureTestTools(): void {
  const missing = testTools.filter((tool) => !tool.isPresent());
  if (missing.length === 0) return;
  const names = missing.map((tool) => tool.name).join('; ');
  const apt = aptGetCommand();
  if (!apt) throw new Error(`The tests need ${names}. ${adviceFor(missing)}`);
  console.error(`Installing for the tests: ${names} …`);
  const problem = installPackages(
    apt,
    missing.flatMap((tool) => tool.packages),
  );
  const stillMissing = missing.filter((tool) => !tool.isPresent());
  if (stillMissing.length > 0) throw new Error(`${problem}${adviceFor(stillMissing)}`);
}

function adviceFor(tools: readonly TestTool[]): string {
  return `Please install: ${tools.map((tool) => `${tool.advice}, or the package ${tool.packages.join(', ')}`).join('; ')}.`;
}

/** Root, or a person whose sudo asks for no password. A test run never stops at a password prompt. */
function aptGetCommand(): string[] | undefined {
  if (findPrograms('apt-get').length === 0) return undefined;
  if (process.getuid?.() === 0) return ['env'];
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n', 'env'] : undefined;
}

/** Returns what apt-get said if it failed, else nothing. */
function installPackages([program = 'env', ...before]: string[], packages: readonly string[]): string {
  const commands = [['update'], ['install', '--yes', '--no-install-recommends', ...packages]];
  for (const command of commands) {
    // In single-user mode, so that no package starts a service on the port that others use.
    const args = [...before, 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get', '-qq', ...command];
    const result = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    // A stale list is often good enough, so a failed update alone ends nothing.
    if (result.status !== 0 && command[0] === 'install') return `apt-get failed:\n${result.stderr}\n`;
  }
  return '';
}

/** PostgreSQL's own folders come first: /usr/bin has Debian's wrapper, which picks a version by itself. */
function findPrograms(name: string): string[] {
  const folders = [
    ...postgresFolders(),
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/bin',
    '/usr/sbin',
    '/usr/local/bin',
  ];
  return folders.map((folder) => join(folder, name)).filter(isExecutable);
}

function postgresFolders(): string[] {
  try {
    return readdirSync(distributionPrograms).map((major) => join(distributionPrograms, major, 'bin'));
  } catch {
    return [];
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function hasCurrentMajor(name: string): boolean {
  return findPrograms(name).some((file) => {
    const version = spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout ?? '';
    return Number(/\) (\d+)/.exec(version)?.[1] ?? 0) >= postgresMajor;
  });
}
