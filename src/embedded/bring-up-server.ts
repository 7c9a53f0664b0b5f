import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SETTINGS_FILE } from './create-server.ts';
import { explainOutput } from './explain-failure.ts';
import { findFreePort } from './free-port.ts';
import { makeServerFolder, type Placement } from './placement.ts';
import { writePrivateFile } from './private-files.ts';
import { adoptRunningServer } from './running-server.ts';
import { type ServerPlace, startServer } from './server-control.ts';
import { prepareLog, readLogSince } from './server-log.ts';
import { renderSettings, serverSettings } from './server-settings.ts';

const MOST_ATTEMPTS = 40;
const ATTEMPT_PAUSE_MS = 250;

type Place = ServerPlace & Placement;
export type RunningServer = { readonly port: number; readonly adopted: boolean };
export type BringUp = { place: Place; password: string; formerPort: number | undefined };

/**
 * Takes over the server that runs in this folder, else starts it on its former port, or on another one where that
 * is taken. Each attempt looks anew for a running server: the pg_ctl of a process that was killed may still be
 * about to start one.
 * @throws embeddedFailed with the server's last words.
 */
export async function bringUpServer({ place, password, formerPort }: BringUp): Promise<RunningServer> {
  await makeServerFolder(join(place.serverDir, 'log'), place.account);
  for (let attempt = 1; ; attempt++) {
    const adoptedPort = await adoptRunningServer(place, password);
    if (adoptedPort !== null) return { port: adoptedPort, adopted: true };
    const port = await findFreePort(formerPort);
    const lastWords = await tryStart(place, port);
    if (lastWords === null) return { port, adopted: false };
    if (attempt === MOST_ATTEMPTS || !mayPassByItself(lastWords)) {
      throw explainOutput('The start of PostgreSQL', lastWords, place.serverDir);
    }
    await delay(ATTEMPT_PAUSE_MS);
  }
}

/** Null when the server runs, else what it said. */
async function tryStart(place: Place, port: number): Promise<string | null> {
  const logOffset = await prepareLog(place.logFile);
  await writeSettings(place, port);
  const { succeeded, output } = await startServer(place);
  if (succeeded) return null;
  const words = await readLogSince(place.logFile, logOffset);
  return words === '' ? output : words;
}

/**
 * Somebody took the port after the look at it; or another start of this folder is under way; or the children of a
 * server that was killed have not noticed yet and still hold its memory.
 */
function mayPassByItself(words: string): boolean {
  return /Address already in use|"postmaster.pid" already exists|pre-existing shared memory block/.test(
    words,
  );
}

async function writeSettings(place: Place, port: number): Promise<void> {
  const text = renderSettings(serverSettings({ port, major: place.binaries.major }));
  await writePrivateFile({ path: join(place.pgData, SETTINGS_FILE), text, owner: place.account });
}
