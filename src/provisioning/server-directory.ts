import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { AdminLogin, DatabaseServer, ServerAddress, ServerTls } from '../databases/database-server.ts';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import {
  type DatabaseServerRow,
  findServer,
  upsertServer,
} from '../registry/repositories/database-servers.ts';
import type { WorkerOpener } from '../registry/worker-seal.ts';

/** The server that the environment describes has this name in the registry. */
const environmentServerName = 'default';
/** Under which the login of an added server is sealed. */
export const adminLoginColumn = 'admin_login';

export const tlsShape: z.ZodType<ServerTls> = z.discriminatedUnion('mode', [
  z.object({ mode: z.literal('disable') }),
  z.object({ mode: z.literal('require') }),
  z.object({ mode: z.literal('verify-full'), ca: z.string().optional() }),
]) as z.ZodType<ServerTls>;
const loginShape = z.object({ user: z.string(), password: z.string() });

export type EnvironmentServer = Omit<ServerAddress, 'id'> & { admin: AdminLogin; region: string };

export type ServerDirectoryNeeds = {
  registry: RegistryDatabase;
  environmentServer: EnvironmentServer;
  worker: Pick<WorkerOpener, 'openAsWorker'>;
};

/** The database servers with their admin logins; exists in processes that work on databases only. */
export function createServerDirectory({ registry, environmentServer, worker }: ServerDirectoryNeeds) {
  function adminOf(row: DatabaseServerRow): AdminLogin {
    if (row.sealedAdminLogin === null) return environmentServer.admin;
    const text = worker.openAsWorker(row.sealedAdminLogin, { owner: row.id, column: adminLoginColumn });
    return loginShape.parse(JSON.parse(text));
  }

  return {
    /** Writes where the environment's server is into the registry, for placement and for request routing. */
    async announceEnvironmentServer(): Promise<DatabaseServerRow> {
      const { host, port, tls, region } = environmentServer;
      return upsertServer(registry, {
        id: uuidv7(),
        name: environmentServerName,
        host,
        port,
        region,
        tls: JSON.stringify(tls),
      });
    },

    async get(serverId: string): Promise<DatabaseServer> {
      const row = await findServer(registry, serverId);
      if (row === undefined) throw errors.notFound('database server');
      return {
        id: row.id,
        host: row.host,
        port: row.port,
        tls: tlsShape.parse(row.tls),
        admin: adminOf(row),
      };
    },
  };
}

export type ServerDirectory = ReturnType<typeof createServerDirectory>;
