import { findBinaries } from './binaries.ts';
import { bringUpServer } from './bring-up-server.ts';
import { createServer } from './create-server.ts';
import { embeddedEnvironment } from './embedded-environment.ts';
import { readExistingMajor } from './existing-server.ts';
import { explainFailure, explainOutput } from './explain-failure.ts';
import { acquireInstanceLock, type InstanceLock } from './instance-lock.ts';
import { type KeptSecrets, makeSecrets, readSecrets } from './kept-secrets.ts';
import { readState, writeState } from './kept-state.ts';
import { choosePlacement, nameServerDir, type Placement, SHARED_PARENT } from './placement.ts';
import { type ServerPlace, serverSeemsRunning, stopServer } from './server-control.ts';
import { setUpDatabases } from './set-up-databases.ts';

type Log = {
  info(members: object, message: string): void;
  warn(members: object, message: string): void;
};

export type EmbeddedOptions = {
  dataDir: string;
  log: Log;
  /** The script that fills the source database. */
  samplePath: string;
  /** EMBEDDED_PG_BIN: a folder with initdb, pg_ctl and postgres, used instead of looking for one. */
  binDir?: string | undefined;
};

export type EmbeddedPostgres = {
  /** What main lays under the variables that the user has set. */
  environment: Record<string, string>;
  binDir: string;
  major: number;
  /** Stops the server and lets the next process have the folder. */
  stop(): Promise<void>;
};

type Place = ServerPlace & Placement;

/**
 * Starts the server of this folder, or takes over the one that a killed process left running there. The first
 * start makes the server, its secrets, the registry's database and the source database.
 * @throws embeddedFailed with a sentence that says what to do.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  try {
    const placement = await choosePlacement(options.dataDir);
    const lock = await acquireInstanceLock(placement.serverDir, placement.fileOwner);
    return await startLocked(options, placement, lock).catch(async (error) => {
      await lock.release();
      throw error;
    });
  } catch (error) {
    throw explainFailure(error, options.dataDir);
  }
}

async function startLocked(
  options: EmbeddedOptions,
  placement: Placement,
  lock: InstanceLock,
): Promise<EmbeddedPostgres> {
  sayWhere(placement, options.log);
  const existingMajor = await readExistingMajor(placement);
  const { account, pgData } = placement;
  const existing = existingMajor === undefined ? undefined : { major: existingMajor, pgData };
  const binaries = await findBinaries({
    account,
    binDir: options.binDir,
    copyParent: SHARED_PARENT,
    existing,
  });
  const place: Place = { ...placement, binaries };
  const secrets = await ensureServer(place, existing === undefined, options.log);
  const port = await runServer(place, secrets, options);
  return {
    environment: embeddedEnvironment(port, secrets),
    binDir: binaries.binDir,
    major: binaries.major,
    async stop() {
      await stopRunning(place);
      await lock.release();
    },
  };
}

function sayWhere({ dataDir, serverDir, account }: Placement, log: Log): void {
  if (serverDir === dataDir) return;
  log.warn(
    { dataDir, serverDir, account: account.name },
    'PostgreSQL does not run as root, and its account cannot enter the data folder: its files are in serverDir',
  );
}

async function ensureServer(place: Place, isNew: boolean, log: Log): Promise<KeptSecrets> {
  const secrets = (await readSecrets(place.dataDir)) ?? (await makeSecrets(place));
  if (!isNew) return secrets;
  log.info({ serverDir: place.serverDir, version: place.binaries.version }, 'Setting up PostgreSQL');
  await createServer(place, secrets);
  return secrets;
}

/** Answers with the port. A server that was started here and cannot be set up is stopped again. */
async function runServer(place: Place, secrets: KeptSecrets, options: EmbeddedOptions): Promise<number> {
  const { log, samplePath } = options;
  const formerPort = (await readState(place.dataDir))?.port;
  const password = secrets.POSTGRES_ADMIN_PASSWORD;
  const { port, adopted } = await bringUpServer({ place, password, formerPort });
  try {
    const state = { serverDir: nameServerDir(place), port, major: place.binaries.major };
    await writeState({ dataDir: place.dataDir, state, owner: place.fileOwner });
    await setUpDatabases({ port, secrets, samplePath });
  } catch (error) {
    if (!adopted) await stopServer(place, 'fast');
    throw error;
  }
  const how = adopted ? 'Took over the running PostgreSQL' : 'PostgreSQL is running';
  log.info({ port, version: place.binaries.version, binDir: place.binaries.binDir }, how);
  return port;
}

async function stopRunning(place: Place): Promise<void> {
  const { succeeded, output } = await stopServer(place, 'fast');
  // It may have ended by itself before.
  if (succeeded || !(await serverSeemsRunning(place))) return;
  throw explainOutput('The stop of PostgreSQL', output, place.serverDir);
}
