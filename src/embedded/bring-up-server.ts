import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SETTINGS_FILE } from './create-server.ts';
import { explainOutput } from './explain-failure.ts';
import { findFreePort } from './free-port.ts';
import { makeServerFolder, type Placement } from './placement.ts';
import { writePrivateFile } from './private-files.ts';
import { type ServerPlace, startServer } from './server-control.ts';
import { prepareLog, readLogSince } from './server-log.ts';
import { renderSettings, serverSettings } from './server-settings.ts';

const MOST_ATTEMPTS = 40;
const ATTEMPT_PAUSE_MS = 250;

/**
 * Starts the server on its former port, or on another one where that is taken, and answers with the port.
 * @throws embeddedFailed with the server's last words.
 */
export async function bringUpServer(place: ServerPlace & Placement, formerPort?: number): Promise<number> {
  await makeServerFolder(join(place.serverDir, 'log'), place.account);
  const logOffset = await prepareLog(place.logFile);
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort(formerPort);
    await writeSettings(place, port);
    const { succeeded, output } = await startServer(place);
    if (succeeded) return port;
    const words = await readLogSince(place.logFile, logOffset);
    if (attempt === MOST_ATTEMPTS || !mayPassByItself(words)) {
      throw explainOutput('The start of PostgreSQL', words === '' ? output : words, place.serverDir);
    }
    await delay(ATTEMPT_PAUSE_MS);
  }
}

/**
 * Somebody took the port after the look at it, or the children of a server that was killed have not noticed yet
 * and still hold its memory.
 */
function mayPassByItself(words: string): boolean {
  const lastStart = words.slice(words.lastIndexOf('starting PostgreSQL'));
  return /Address already in use|pre-existing shared memory block/.test(lastStart);
}

async function writeSettings(place: ServerPlace & Placement, port: number): Promise<void> {
  const text = renderSettings(serverSettings({ port, major: place.binaries.major }));
  await writePrivateFile({ path: join(place.pgData, SETTINGS_FILE), text, owner: place.account });
}
