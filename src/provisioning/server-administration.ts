import { v7 as uuidv7 } from 'uuid';
import { addressFault, type Resolve } from '../databases/allowed-address.ts';
import type { AdminLogin, ServerTls } from '../databases/database-server.ts';
import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { recordAudit } from '../registry/repositories/audit-log.ts';
import type { DatabaseServerRow } from '../registry/repositories/database-servers.ts';
import { readInstallation } from '../registry/repositories/installation.ts';
import {
  changeServer,
  insertServer,
  lockServer,
  type ServerChange,
  type ServerSummary,
} from '../registry/repositories/server-admin.ts';
import { createWorkerSealer } from '../registry/worker-seal.ts';
import { adminLoginColumn } from './server-directory.ts';
import type { ChangeRequest } from './tenant-transition.ts';

export type ServerAdministrationNeeds = {
  registry: RegistryDatabase;
  /** ALLOWED_DATABASE_CIDRS. */
  allowedNetworks: readonly string[];
  resolve?: Resolve;
};

export type NewServer = {
  name: string;
  host: string;
  port: number;
  tls: ServerTls;
  region: string;
  weight: number;
  capacityDatabases: number;
  capacityBytes: number | null;
  admin: AdminLogin;
};

/** What operators change of the list of database servers. Any process may: nothing here connects to one. */
export function createServerAdministration(needs: ServerAdministrationNeeds) {
  const { registry, allowedNetworks, resolve } = needs;

  return {
    /**
     * Takes it into the list, where it has no tenants until a worker has tested it. Its login is sealed at once,
     * for workers only.
     * @throws invalid_request for a host where it must not be, server_exists, worker_key_unknown
     */
    async addServer(server: NewServer, { actor, requestId }: ChangeRequest): Promise<string> {
      const { admin, tls, ...rest } = server;
      const fault = await addressFault(server.host, allowedNetworks, resolve);
      if (fault !== undefined) throw errors.invalidRequest([{ path: 'host', message: fault }]);
      const { workerPublicKey } = await readInstallation(registry);
      if (workerPublicKey === null) throw errors.workerKeyUnknown();
      const id = uuidv7();
      const sealedAdminLogin = createWorkerSealer(workerPublicKey).sealForWorker(JSON.stringify(admin), {
        owner: id,
        column: adminLoginColumn,
      });
      await registry.transaction().execute(async (trx) => {
        const row = { ...rest, id, tls: JSON.stringify(tls), sealedAdminLogin, status: 'unchecked' as const };
        const inserted = await insertServer(trx, row);
        if (inserted === undefined) throw errors.serverExists(server.name, `${server.host}:${server.port}`);
        const after = { id, ...rest, tls: tls.mode, adminUser: admin.user };
        await recordAudit(trx, { actor, action: 'server.added', after, requestId });
      });
      return id;
    },

    /**
     * A server that drains takes no new tenants, and its warm databases are dropped; who is there stays.
     * @throws not_found, server_state_conflict, server_from_environment
     */
    async changeServer(id: string, change: ServerChange, { actor, requestId }: ChangeRequest): Promise<void> {
      await registry.transaction().execute(async (trx) => {
        const server = await lockServer(trx, id);
        if (server === undefined) throw errors.notFound('database server');
        assertMayChange(server, change);
        await changeServer(trx, id, change);
        const before = Object.fromEntries(
          Object.keys(change).map((key) => [key, server[key as keyof DatabaseServerRow]]),
        );
        const named = { id, name: server.name };
        await recordAudit(trx, {
          actor,
          action: 'server.changed',
          before: { ...named, ...before },
          after: { ...named, ...change },
          requestId,
        });
        // The keeper of its warm databases looks at once.
        await publish(trx, { kind: 'warm.wanted', serverId: id });
      });
    },
  };
}

export type ServerAdministration = ReturnType<typeof createServerAdministration>;

function assertMayChange(server: DatabaseServerRow, { status, region }: ServerChange): void {
  if (status !== undefined && server.status === 'unchecked') {
    const instead = `it has not passed its test yet. Try again with: tenant-cli servers check ${server.name}`;
    throw errors.serverStateConflict('unchecked', status === 'open' ? 'activated' : 'drained', instead);
  }
  if (region !== undefined && region !== server.region && server.sealedAdminLogin === null) {
    throw errors.serverFromEnvironment(server.name, 'its region is set with REGION');
  }
}

/** @throws server_from_environment, server_state_conflict, server_in_use */
export function assertRemovable(server: ServerSummary): void {
  const { name, status, isFromEnvironment } = server;
  if (isFromEnvironment) throw errors.serverFromEnvironment(name, 'it is named');
  if (status === 'open') {
    const instead = `drain it first, so that nobody is placed there: tenant-cli servers drain ${name}`;
    throw errors.serverStateConflict(status, 'removed', instead);
  }
  const left = [
    [server.tenants, 'tenant'],
    [server.warm, 'warm database'],
    [server.quarantined, 'database in quarantine'],
  ] as const;
  const there = left.flatMap(([count, noun]) => (count === 0 ? [] : [`${count} × ${noun}`]));
  if (there.length > 0) throw errors.serverInUse(name, there.join(', '));
}
