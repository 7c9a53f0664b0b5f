import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errors } from '../errors/catalogue.ts';
import { readSecrets } from './kept-secrets.ts';
import { readState } from './kept-state.ts';
import type { Placement } from './placement.ts';

/**
 * The major version that made the server's files; undefined where a server is still to be made.
 * @throws embeddedFailed where they are not ours, not whole, or gone.
 */
export async function readExistingMajor(placement: Placement): Promise<number | undefined> {
  const { pgData, dataDir } = placement;
  const names = await listFiles(pgData);
  if (names === null) {
    if ((await readState(dataDir)) !== null) throw filesGone(placement);
    return undefined;
  }
  const version = names.includes('PG_VERSION') ? await readFile(join(pgData, 'PG_VERSION'), 'utf8') : '';
  if (!/^\d+\s*$/.test(version)) {
    throw errors.embeddedFailed(
      `${pgData} is not a data directory of PostgreSQL. Move it away, or set EMBEDDED_DATA_DIR to another folder.`,
    );
  }
  if ((await readSecrets(dataDir)) === null) {
    throw errors.embeddedFailed(
      `${pgData} was set up with passwords that ${join(dataDir, 'secrets.json')} no longer holds. Restore that file, or move ${pgData} away to begin with an empty server.`,
    );
  }
  return Number.parseInt(version, 10);
}

async function listFiles(folder: string): Promise<string[] | null> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
}

function filesGone({ dataDir, pgData }: Placement) {
  return errors.embeddedFailed(
    `The server's files in ${pgData} are gone, but ${dataDir} says that they were made. Restore them, or move ${dataDir} away to begin with an empty server.`,
  );
}
