import { createHash } from 'node:crypto';
import { chown, mkdir, readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { errors } from '../errors/catalogue.ts';
import { readState } from './kept-state.ts';
import { accountCanReach, chooseServerAccount, type ServerAccount } from './server-account.ts';

/** Where everything of one embedded server is. */
export type Placement = {
  /** What the user named: holds state.json and secrets.json. */
  readonly dataDir: string;
  /** Holds the server's files: `dataDir`, unless the server's account cannot go there. */
  readonly serverDir: string;
  readonly pgData: string;
  readonly logFile: string;
  readonly account: ServerAccount;
  /** Whom state.json, secrets.json and the lock belong to. */
  readonly fileOwner: ServerAccount;
};

/** Reachable by every account; only root puts anything here. */
export const SHARED_PARENT = '/var/lib/tenant-manager';

/**
 * Decides where the server lives and who runs it, and makes the folders. The decision of the first start stays.
 * @throws embeddedFailed for a folder that holds something else.
 */
export async function choosePlacement(wishedDir: string): Promise<Placement> {
  const account = await chooseServerAccount();
  const mode = account.identity === undefined ? 0o700 : 0o711;
  await mkdir(wishedDir, { recursive: true, mode });
  const dataDir = await realpath(wishedDir);
  await refuseForeignFolder(dataDir);
  const serverDir = await chooseServerDir(dataDir, account);
  await mkdir(serverDir, { recursive: true, mode });
  const pgData = join(serverDir, 'pgdata');
  const placement = { dataDir, serverDir, pgData, logFile: join(serverDir, 'log', 'server.log') };
  const owner = await accountOwning(pgData);
  return { ...placement, account: owner ?? account, fileOwner: await fileOwnerIn(dataDir) };
}

/** Makes a folder that the server itself writes to. */
export async function makeServerFolder(path: string, { identity }: ServerAccount): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (identity) await chown(path, identity.uid, identity.gid);
}

async function refuseForeignFolder(dataDir: string): Promise<void> {
  const names = await readdir(dataDir);
  if (!names.includes('PG_VERSION')) return;
  throw errors.embeddedFailed(
    `${dataDir} is the data directory of another PostgreSQL. Set EMBEDDED_DATA_DIR to an empty or new folder.`,
  );
}

async function chooseServerDir(dataDir: string, account: ServerAccount): Promise<string> {
  const state = await readState(dataDir);
  if (state !== null) return resolve(dataDir, state.serverDir);
  if (account.identity === undefined || (await accountCanReach(account, dataDir))) return dataDir;
  // Made by the user whose folder this is; a start of root's then lends that user's account.
  if ((await readdir(dataDir)).includes('pgdata')) return dataDir;
  return join(SHARED_PARENT, createHash('sha256').update(dataDir).digest('hex').slice(0, 12));
}

/** How state.json names the folder: relative inside the data folder, so that it may be moved as a whole. */
export function nameServerDir({ dataDir, serverDir }: Placement): string {
  const path = relative(dataDir, serverDir);
  return path.startsWith('..') || isAbsolute(path) ? serverDir : path;
}

/** PostgreSQL runs only as the owner of its files. Null where there are none yet. */
async function accountOwning(pgData: string): Promise<ServerAccount | null> {
  const found = await stat(pgData).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const self = process.getuid?.();
  if (found === null || found.uid === self) {
    if (found !== null && self === 0) throw errors.embeddedFailed(describeOwnedByRoot(pgData));
    return null;
  }
  if (self === 0) return { name: `user ${found.uid}`, identity: { uid: found.uid, gid: found.gid } };
  throw errors.embeddedFailed(
    `${pgData} belongs to the user with the number ${found.uid}, this process runs as ${self}. Start as that user or as root, or set EMBEDDED_DATA_DIR to another folder.`,
  );
}

function describeOwnedByRoot(pgData: string): string {
  return `${pgData} belongs to root, and PostgreSQL does not run as root. Give it back to the user it was made with, for example: chown -R postgres ${pgData}`;
}

/** Root that starts in a user's folder leaves files that the user can still read. */
async function fileOwnerIn(dataDir: string): Promise<ServerAccount> {
  const { uid, gid } = await stat(dataDir);
  if (process.getuid?.() !== 0 || uid === 0) return { name: 'the current user' };
  return { name: `user ${uid}`, identity: { uid, gid } };
}
