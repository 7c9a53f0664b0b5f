import { randomBytes } from 'node:crypto';
import { appendFile, chmod, chown, mkdtemp, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinaries } from '../../src/embedded/binaries.ts';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { chooseServerAccount } from '../../src/embedded/server-account.ts';
import {
  initializeServer,
  type ServerPlace,
  type ShutdownMode,
  startServer,
  stopServer,
} from '../../src/embedded/server-control.ts';
import { renderSettings, serverSettings } from '../../src/embedded/server-settings.ts';

export type TestPostgresOptions = {
  /** Off by default: tests throw the data away. Turn it on where recovery is the point. */
  fsync?: boolean;
  maxConnections?: number;
  settings?: Record<string, string>;
};

export type TestPostgres = Awaited<ReturnType<typeof startTestPostgres>>;

/** A throw-away server of its own, with password logins only. `stop` ends it and removes its folder. */
export async function startTestPostgres(options: TestPostgresOptions = {}) {
  const account = await chooseServerAccount();
  const copyParent = '/var/lib/tenant-manager';
  // How test/majors runs the core of the suite on other versions of PostgreSQL.
  const binDir = process.env.TEST_POSTGRES_BIN_DIR;
  const binaries = await findBinaries({ account, copyParent, binDir });
  const parent = options.fsync ? tmpdir() : await throwAwayParent();
  const folder = await mkdtemp(join(parent, 'tenant-manager-postgres-'));
  if (account.identity) await chown(folder, account.identity.uid, account.identity.gid);
  const dataDir = join(folder, 'pgdata');
  const place: ServerPlace = { binaries, account, pgData: dataDir, logFile: join(folder, 'server.log') };
  const admin = { user: 'postgres', password: randomBytes(16).toString('hex') };
  await initialize({ place, folder, password: admin.password });
  const port = await startOnFreePort(place, options);
  return {
    host: '127.0.0.1',
    port,
    admin,
    dataDir,
    logFile: place.logFile,
    binDir: binaries.binDir,
    major: binaries.major,
    async restart(mode: ShutdownMode): Promise<void> {
      await demand(stopServer(place, mode), 'stop');
      await demand(startServer(place), 'start');
    },
    async stop(): Promise<void> {
      // Fails when a test has killed the server itself, which is as good.
      await stopServer(place, 'immediate');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const memoryFolder = '/dev/shm';
const roomOfATestRun = 4 * 1024 ** 3;

/**
 * What need not outlive the machine is kept in memory where there is room: ext4 looks for a new file's inode past
 * each that was deleted within the last minutes, and tests do little else than make and drop databases.
 */
async function throwAwayParent(): Promise<string> {
  if (process.env.TMPDIR !== undefined) return tmpdir();
  const space = await statfs(memoryFolder).catch(() => undefined);
  const hasRoom = space !== undefined && space.bavail * space.bsize >= roomOfATestRun;
  return hasRoom ? memoryFolder : tmpdir();
}

type Initialization = { place: ServerPlace; folder: string; password: string };

async function initialize({ place, folder, password }: Initialization): Promise<void> {
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, `${password}\n`);
  const identity = place.account.identity;
  if (identity) await chown(passwordFile, identity.uid, identity.gid);
  await chmod(passwordFile, 0o600);
  await demand(initializeServer(place, passwordFile), 'initdb');
  await rm(passwordFile);
}

/** Another test may take the port between the look and the start, so that is tried again. */
async function startOnFreePort(place: ServerPlace, options: TestPostgresOptions): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort();
    const settings = {
      ...serverSettings({ port, major: place.binaries.major }),
      fsync: options.fsync ? 'on' : 'off',
      full_page_writes: options.fsync ? 'on' : 'off',
      // Otherwise a log that nobody reads grows to a gigabyte, of memory.
      ...(options.fsync ? {} : { max_wal_size: '256MB' }),
      shared_buffers: '64MB',
      max_connections: String(options.maxConnections ?? 200),
      ...options.settings,
    };
    await appendFile(join(place.pgData, 'postgresql.conf'), renderSettings(settings));
    const started = await startServer(place);
    if (started.succeeded) return port;
    if (attempt === 3) throw new Error(`The test server did not start: ${started.output}`);
  }
}

async function demand(result: Promise<{ succeeded: boolean; output: string }>, what: string): Promise<void> {
  const { succeeded, output } = await result;
  if (!succeeded) throw new Error(`${what} of the test server failed: ${output}`);
}
