import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCommand } from './run-command.ts';

// Where packages put a server beside PATH: Debian and Ubuntu, Red Hat, Alpine, Homebrew, Postgres.app.
const INSTALL_FOLDERS = [
  { parent: '/usr/lib/postgresql', pattern: /^\d+$/, bin: 'bin' },
  { parent: '/usr', pattern: /^pgsql-\d+$/, bin: 'bin' },
  { parent: '/usr/libexec', pattern: /^postgresql\d*$/, bin: '' },
  { parent: '/opt/homebrew/opt', pattern: /^postgresql(@\d+)?$/, bin: 'bin' },
  { parent: '/usr/local/opt', pattern: /^postgresql(@\d+)?$/, bin: 'bin' },
  { parent: '/Applications/Postgres.app/Contents/Versions', pattern: /^\d+$/, bin: 'bin' },
];

/** Folders of this machine that may hold a PostgreSQL server, the likeliest first. */
export async function listSystemFolders(): Promise<string[]> {
  const folders = [await askPgConfig(), await searchPath(), ...(await listInstallFolders())];
  return [...new Set(folders.filter((folder) => folder !== null))];
}

async function askPgConfig(): Promise<string | null> {
  const answer = await runCommand({ file: 'pg_config', args: ['--bindir'], ownPath: true });
  return answer.succeeded ? answer.output : null;
}

async function searchPath(): Promise<string | null> {
  const answer = await runCommand({ file: '/bin/sh', args: ['-c', 'command -v pg_ctl'], ownPath: true });
  return answer.succeeded ? dirname(answer.output) : null;
}

async function listInstallFolders(): Promise<string[]> {
  const found = await Promise.all(INSTALL_FOLDERS.map(listFolder));
  return found.flat();
}

async function listFolder({ parent, pattern, bin }: (typeof INSTALL_FOLDERS)[number]): Promise<string[]> {
  const names = await readdir(parent).catch(() => []);
  return names
    .filter((name) => pattern.test(name))
    .sort((a, b) => versionIn(b) - versionIn(a))
    .map((name) => join(parent, name, bin));
}

function versionIn(name: string): number {
  return Number(/\d+$/.exec(name)?.[0] ?? 0);
}
