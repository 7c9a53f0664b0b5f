import { createHash } from 'node:crypto';
import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder's name says whose it is, down to the start of the process: containers all have the same numbers. */
const HOST = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const START = Math.round(performance.timeOrigin).toString(36);
const NAME = /^tenant-manager-([0-9a-f]{8})-(\d+)-([0-9a-z]+)-\w{6}$/;
/** Longer than any build may take. */
const FORGOTTEN_AFTER_MS = 86_400_000;

/** A folder for the owner only (mkdtemp makes it 0700), gone when `use` has ended in whatever way. */
export async function inPrivateFolder<Result>(use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), `tenant-manager-${HOST}-${process.pid}-${START}-`));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Removes what processes left that were killed: dumps of the source, and password files. */
export async function clearLeftFolders(): Promise<void> {
  const names = await readdir(tmpdir());
  for (const name of names.filter((each) => NAME.test(each))) {
    const folder = join(tmpdir(), name);
    if (await isLeft(folder, name)) await rm(folder, { recursive: true, force: true });
  }
}

async function isLeft(folder: string, name: string): Promise<boolean> {
  const stat = await lstat(folder).catch(() => null);
  // Another account's is not ours to remove, and a name like ours is no folder of ours.
  if (stat === null || !stat.isDirectory() || stat.uid !== process.getuid?.()) return false;
  if (Date.now() - stat.mtimeMs > FORGOTTEN_AFTER_MS) return true;
  const [, host, pid, start] = NAME.exec(name) ?? [];
  // Whether a process of another container lives cannot be seen from here.
  if (host !== HOST) return false;
  return Number(pid) === process.pid ? start !== START : !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
