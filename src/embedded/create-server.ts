import { appendFile, rename, rm, statfs } from 'node:fs/promises';
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
const NEEDED_BYTES = 200_000_000;

/** Runs initdb beside the place where the server will be, so that a half-made one is never taken for a server. */
export async function createServer(place: ServerPlace & Placement, secrets: KeptSecrets): Promise<void> {
  await demandFreeSpace(place.serverDir);
  const draft = join(place.serverDir, 'pgdata.new');
  const passwordFile = join(place.serverDir, 'password.new');
  await rm(draft, { recursive: true, force: true });
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
    await rm(passwordFile, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

async function demandFreeSpace(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= NEEDED_BYTES) return;
  throw errors.embeddedFailed(`${diskFull(folder)} Free now: ${Math.floor(free / 1_000_000)} MB.`);
}
