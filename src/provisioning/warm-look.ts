import type { TenantDatabaseNames } from '../databases/database-server.ts';
import { openServerSession, type ServerSession } from '../databases/server-session.ts';
import { listSealFaults } from '../databases/tenant-database-state.ts';
import type { DatabaseServerRow } from '../registry/repositories/database-servers.ts';
import type { TemplateCopy } from '../registry/repositories/templates.ts';
import {
  isProvisioningUnderWay,
  listCopiesToWarm,
  listWarmDatabases,
  type WarmDatabase,
} from '../registry/repositories/warm-databases.ts';
import type { Outages } from './outages.ts';
import type { ServerDirectory } from './server-directory.ts';
import {
  createWarmDatabases,
  type WarmDatabaseNeeds,
  type WarmDatabases,
  type WarmPlace,
} from './warm-database.ts';
import { planWarm, type WarmState } from './warm-plan.ts';
import { endSilentHolder, type WatchedLock, workUnderLock } from './watched-lock.ts';

/** Nobody needs to wait for a keeper that is alive: it does what is to be done. */
const lockWaitMs = 300;
const statementTimeoutMs = 120_000;
const usualWorkMs = 15 * 60_000;

export type WarmLookNeeds = WarmDatabaseNeeds & {
  servers: Pick<ServerDirectory, 'get'>;
  size: number;
  applicationName: string;
  /** How long one process may keep a pool at a stretch; a quarter of an hour if left out. */
  workMs?: number | undefined;
  outages: Outages;
};

/** `gaveWay`: tenants that are being made come first. */
export type WarmOutcome = 'done' | 'gaveWay' | 'elsewhere';

/**
 * Brings a server's pool to its size: drops what a crash left, what was replaced and what is too much, and makes
 * what is missing. Of all processes one does it at a time.
 */
export function createWarmLook(needs: WarmLookNeeds) {
  const databases = createWarmDatabases(needs);

  return async function lookAtPool(row: DatabaseServerRow, signal: AbortSignal): Promise<WarmOutcome> {
    const size = row.status === 'open' && row.weight > 0 ? needs.size : 0;
    if (await isAtRest(needs, row, size)) return 'done';
    // Also the pool's lock and session would be in the way of a burst.
    if (await isProvisioningUnderWay(needs.registry)) return 'gaveWay';
    const { applicationName } = needs;
    const server = await needs.servers.get(row.id);
    const session = await openServerSession(server, { applicationName, statementTimeoutMs });
    try {
      const lock = lockOf(needs, row);
      if (!(await takeLock(needs, session, lock))) return 'elsewhere';
      const work = (stop: AbortSignal) =>
        tend({ needs, databases, place: { session, server }, size, signal: stop });
      return await workUnderLock(needs, { session, lock, signal, work });
    } finally {
      await session.close();
    }
  };
}

const lockOf = ({ workMs }: WarmLookNeeds, { id, name }: DatabaseServerRow): WatchedLock => ({
  key: `warm:${id}`,
  heart: `warm:${id}`,
  work: `The keeping of the warm databases of server "${name}"`,
  workMs: workMs ?? usualWorkMs,
});

/** A server without a pool is not even connected to. */
async function isAtRest({ registry }: WarmLookNeeds, { id }: DatabaseServerRow, size: number) {
  if ((await listWarmDatabases(registry, id)).length > 0) return false;
  return size === 0 || (await listCopiesToWarm(registry, id)).length === 0;
}

async function takeLock(needs: WarmLookNeeds, session: ServerSession, lock: WatchedLock): Promise<boolean> {
  if (await session.lock(lock.key, lockWaitMs)) return true;
  await endSilentHolder(needs, session, lock);
  return session.lock(lock.key, lockWaitMs);
}

type Tending = {
  needs: WarmLookNeeds;
  databases: WarmDatabases;
  place: WarmPlace;
  size: number;
  signal: AbortSignal;
};

async function tend(tending: Tending): Promise<WarmOutcome> {
  const { needs, place, size } = tending;
  const { surplus, missing } = planWarm(await readState(needs, place), {
    size,
    connectionsPerTenant: needs.connectionsPerTenant,
  });
  for (const id of surplus) await drop(tending, id);
  for (const copy of missing) {
    if (tending.signal.aborted) break;
    if (await isProvisioningUnderWay(needs.registry)) return 'gaveWay';
    if (!needs.outages.isDue(copy.id)) continue;
    if (!(await make(tending, copy))) break;
  }
  return 'done';
}

async function readState({ registry, log }: WarmLookNeeds, place: WarmPlace): Promise<WarmState> {
  const pool = await listWarmDatabases(registry, place.server.id);
  const copies = await listCopiesToWarm(registry, place.server.id);
  const ready = pool.filter(({ status }) => status === 'ready');
  const faults = await listSealFaults(place.session, ready.map(namesOf));
  for (const [database, fault] of faults) {
    log.warn({ database }, `A warm database is replaced: ${fault}`);
  }
  const broken = new Set(ready.filter(({ databaseName }) => faults.has(databaseName)).map(({ id }) => id));
  return { pool, copies, broken };
}

async function drop({ needs: { outages }, databases, place, signal }: Tending, id: string): Promise<void> {
  if (signal.aborted || !outages.isDue(id)) return;
  try {
    await databases.drop(place, [id]);
    outages.end(id, 'A warm database that nobody needs was dropped after all');
  } catch (error) {
    outages.begin(id, { error, what: 'A warm database that nobody needs could not be dropped' });
  }
}

/** @returns whether the server has room for another try. */
async function make({ needs: { outages }, databases, place }: Tending, copy: TemplateCopy): Promise<boolean> {
  try {
    const isMade = await databases.make(place, copy);
    if (isMade) outages.end(copy.id, 'Databases are warmed again');
    return isMade;
  } catch (error) {
    outages.begin(copy.id, {
      error,
      what: `No database can be warmed from the template "${copy.databaseName}", so that registrations wait for a clone`,
    });
    return true;
  }
}

function namesOf({ databaseName, migratorRole, applicationRole }: WarmDatabase): TenantDatabaseNames {
  return { database: databaseName, migratorRole, applicationRole };
}
