import { randomBytes } from 'node:crypto';
import { appendFile, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { errors } from '../errors/catalogue.ts';
import { diskFull, explainOutput } from './explain-failure.ts';
import type { KeptSecrets } from './kept-secrets.ts';
import { makeServerFolder, type Placement } from './placement.ts';
import { syncFolder, writePrivateFile } from './private-files.ts';
import { initializeServer, type ServerPlace } from './server-control.ts';

/** Read by postgresql.conf last, and written anew at each start. */
export const SETTINGS_FILE = 'tenant-manager.conf';

// An empty server takes 40 MB, its write-ahead log up to 100 more, the registry and a template the rest.
const DRAFT_PREFIX = 'pgdata.new-';
const NEEDED_BYTES = 200_000_000;

/** Runs initdb beside the place where the server will be, so that a half-made one is never taken for a server. */
export async function createServer(place: ServerPlace & Placement, secrets: KeptSecrets): Promise<void> {
  await demandFreeSpace(place.serverDir);
  await removeDrafts(place.serverDir);
  // A new name each time: the initdb of a process that was killed may still be writing to the former one.
  const draft = join(place.serverDir, `${DRAFT_PREFIX}${randomBytes(4).toString('hex')}`);
  const passwordFile = `${draft}.password`;
  try {
    await makeServerFolder(draft, place.account);
    const password = `${secrets.POSTGRES_ADMIN_PASSWORD}\n`;
    await writePrivateFile({ path: passwordFile, text: password, owner: place.account });
    const result = await initializeServer({ ...place, pgData: draft }, passwordFile);
    if (!result.succeeded) throw explainOutput('initdb', result.output, place.serverDir);
    await appendFile(join(draft, 'postgresql.conf'), `\ninclude_if_exists = '${SETTINGS_FILE}'\n`);
    await rename(draft, place.pgData);
    await syncFolder(place.serverDir);
  } finally {
    await removeDrafts(place.serverDir);
  }
}

async function removeDrafts(serverDir: string): Promise<void> {
  const names = (await readdir(serverDir)).filter((name) => name.startsWith(DRAFT_PREFIX));
  for (const name of names) {
    // An initdb that still runs in it ends by itself once its files are gone.
    await rm(join(serverDir, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

async function demandFreeSpace(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= NEEDED_BYTES) return;
  throw errors.embeddedFailed(`${diskFull(folder)} Free now: ${Math.floor(free / 1_000_000)} MB.`);
}
