import { randomUUID } from 'node:crypto';
import type { DatabaseServer, TenantDatabaseNames } from '../databases/database-server.ts';
import { dropTenantDatabase } from '../databases/drop-database.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import type { TemplateCopy } from '../registry/repositories/templates.ts';
import {
  finishWarmDatabase,
  forgetWarmDatabase,
  reserveWarmDatabase,
  retireWarmDatabases,
  type WarmDatabase,
} from '../registry/repositories/warm-databases.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Credentials } from './credentials.ts';
import type { DatabaseInMaking, DatabaseMaking } from './database-making.ts';
import type { Naming } from './database-names.ts';
import type { Around } from './failpoints.ts';

export type WarmDatabaseNeeds = {
  registry: RegistryDatabase;
  naming: Pick<Naming, 'newWarmNames'>;
  credentials: Credentials;
  making: DatabaseMaking;
  connectionsPerTenant: number;
  around: Around;
  log: Logger;
};

/** A server with the lock of its pool in hand. */
export type WarmPlace = { session: ServerSession; server: DatabaseServer };

export type WarmDatabases = ReturnType<typeof createWarmDatabases>;

/** Makes and drops single databases of a server's pool. The caller holds the lock of the pool. */
export function createWarmDatabases(needs: WarmDatabaseNeeds) {
  const { registry, naming, credentials, around } = needs;

  /** May be repeated after a crash within it. */
  async function drop({ session }: WarmPlace, ids: readonly string[]): Promise<void> {
    // Committed first: what was claimed a moment ago is its tenant's, and is not among these.
    for (const warm of await retireWarmDatabases(registry, ids)) {
      await around('warm: drop', () => dropTenantDatabase(session, namesOf(warm)));
      await forgetWarmDatabase(registry, warm.id);
    }
  }

  /** Clears up behind itself when something fails; what that leaves is cleared by the next keeper. */
  async function makeReserved(place: WarmPlace, id: string, database: DatabaseInMaking): Promise<void> {
    try {
      await make(needs, id, database);
    } catch (error) {
      await drop(place, [id]).catch((obstacle) =>
        needs.log.warn({ err: obstacle }, 'An unfinished warm database stays until the next look'),
      );
      throw error;
    }
  }

  return {
    drop,

    /**
     * Adds one to the pool, verified.
     * @returns false when the server has no room for it, or takes no tenants.
     */
    async make(place: WarmPlace, copy: TemplateCopy): Promise<boolean> {
      const { session, server } = place;
      const id = randomUUID();
      const names = naming.newWarmNames();
      const sealed = credentials.sealNew(id);
      const isReserved = await reserveWarmDatabase(registry, {
        id,
        serverId: server.id,
        templateCopyId: copy.id,
        templateVersionId: versionOf(copy),
        databaseName: names.database,
        migratorRole: names.migratorRole,
        applicationRole: names.applicationRole,
        ...sealed,
        connectionLimit: needs.connectionsPerTenant,
      });
      if (!isReserved) return false;
      const passwords = credentials.open({ databaseId: id, ...sealed });
      await makeReserved(place, id, { session, address: server, names, passwords, copy });
      return true;
    },
  };
}

async function make(
  { registry, making, around }: WarmDatabaseNeeds,
  id: string,
  database: DatabaseInMaking,
): Promise<void> {
  await around('warm: create-roles', () => making.createRoles(database));
  await around('warm: create-database', () => making.cloneTemplate(database));
  await around('warm: seal-database', () => making.seal(database));
  const fingerprint = await around('warm: verify-database', () => making.verify(database));
  const isOurs = await around('warm: record', () => finishWarmDatabase(registry, id, fingerprint));
  if (!isOurs) throw errors.serverBusy('another process has taken over the warm databases of this server');
}

function versionOf({ templateVersionId, databaseName }: TemplateCopy): string {
  if (templateVersionId === null) throw errors.templateLost(databaseName, 'it is not finished');
  return templateVersionId;
}

function namesOf({ databaseName, migratorRole, applicationRole }: WarmDatabase): TenantDatabaseNames {
  return { database: databaseName, migratorRole, applicationRole };
}
