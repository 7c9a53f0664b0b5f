import { realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { errors } from '../errors/catalogue.ts';
import { withLocalConnection } from './local-connection.ts';
import { readPrivateFile } from './private-files.ts';
import { workingFolderOf } from './process-identity.ts';
import { type ServerPlace, serverSeemsRunning } from './server-control.ts';

// Recovery after a crash may still be going on.
const ADOPTION_TIMEOUT_MS = 300_000;

/**
 * The port of the server that a killed process left running in this folder, or null where none runs.
 * It is ours when our password opens it and it serves this very folder.
 * @throws embeddedFailed where something runs there that is not ours.
 */
export async function adoptRunningServer(place: ServerPlace, password: string): Promise<number | null> {
  const deadline = Date.now() + ADOPTION_TIMEOUT_MS;
  const pgData = await realpath(place.pgData);
  while (await serverSeemsRunning(place)) {
    const pidFile = await readPidFile(pgData);
    if (pidFile === null) return null;
    const folder = await workingFolderOf(pidFile.pid, place.account);
    if (folder !== null && folder !== pgData) return forgetDeadServer(pgData);
    const answer = await askServer(pidFile.port, password);
    if (answer.kind === 'open' && [folder, answer.dataDirectory].includes(pgData)) return pidFile.port;
    if (answer.kind === 'open') throw notOurs(place, pidFile.pid, `answers for ${answer.dataDirectory}`);
    if (answer.kind === 'refused') throw notOurs(place, pidFile.pid, 'refuses our password');
    if (Date.now() > deadline) throw notOurs(place, pidFile.pid, 'does not answer');
    await delay(100);
  }
  return null;
}

/** The number of a dead server was given to another program: PostgreSQL itself would refuse to start. */
async function forgetDeadServer(pgData: string): Promise<null> {
  await rm(join(pgData, 'postmaster.pid'), { force: true });
  return null;
}

type Answer = { kind: 'open'; dataDirectory: string } | { kind: 'refused' | 'notYet' };

async function askServer(port: number, password: string): Promise<Answer> {
  const login = { port, user: 'postgres', password, database: 'postgres' };
  try {
    const dataDirectory = await withLocalConnection(login, async (client) => {
      const shown = await client.query<{ data_directory: string }>('SHOW data_directory');
      return shown.rows[0]?.data_directory ?? '';
    });
    return { kind: 'open', dataDirectory };
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const passwordRefused = code === '28P01' || code === '28000';
    return { kind: passwordRefused ? 'refused' : 'notYet' };
  }
}

async function readPidFile(pgData: string): Promise<{ pid: number; port: number } | null> {
  const text = await readPrivateFile(join(pgData, 'postmaster.pid'));
  // Line 1 is the process, line 4 the port.
  const lines = text?.split('\n') ?? [];
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  return Number.isInteger(pid) && pid > 0 ? { pid, port } : null;
}

function notOurs({ pgData }: ServerPlace, pid: number, reason: string) {
  return errors.embeddedFailed(
    `Process ${pid} is noted as the server of ${pgData} and ${reason}. Stop it, or set EMBEDDED_DATA_DIR to another folder.`,
  );
}
