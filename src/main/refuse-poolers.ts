import { clientConfig } from '../databases/client-config.ts';
import { type Directness, type ProbedLogin, probeDirectness } from '../databases/pooler.ts';
import { serverFailure } from '../databases/sql-state.ts';
import { errors } from '../errors/catalogue.ts';
import type { ServerDirectory } from '../provisioning/server-directory.ts';
import { listServers } from '../registry/repositories/database-servers.ts';
import type { Platform } from './assemble-platform.ts';

const why = 'it lends connections per transaction';

export function probeRegistry({ login, applicationName }: Pick<Platform, 'login' | 'applicationName'>) {
  return probeDirectness({ ...login, application_name: applicationName });
}

/** @throws pooler_in_between, and what connecting throws */
export async function refusePoolerOfRegistry(
  platform: Pick<Platform, 'login' | 'applicationName'>,
): Promise<void> {
  if ((await probeRegistry(platform)) === 'transaction-pooler')
    throw errors.poolerInBetween('GLOBAL_DATABASE_URL', why);
}

/**
 * Of the servers that the environment describes. One that cannot be reached now is nobody's reason not to start.
 * @throws pooler_in_between
 */
export async function refusePoolersOfServers(
  { registry, applicationName }: Platform,
  servers: Pick<ServerDirectory, 'get'>,
): Promise<void> {
  for (const { id, sealedAdminLogin } of await listServers(registry)) {
    if (sealedAdminLogin !== null) continue;
    const server = await servers.get(id);
    const login = clientConfig({ address: server, ...server.admin, database: 'postgres', applicationName });
    if ((await probeQuietly(login)) === 'transaction-pooler')
      throw errors.poolerInBetween('POSTGRES_HOST and POSTGRES_PORT', why);
  }
}

/** Whoever needs the server next says what is wrong with it. */
async function probeQuietly(login: ProbedLogin): Promise<Directness | undefined> {
  try {
    return await probeDirectness(login);
  } catch {
    return undefined;
  }
}

/** A pooler that was not told to let them pass refuses the settings with which connections begin. */
export function isRefusedByPooler(error: unknown): boolean {
  const failure = serverFailure(error);
  return failure?.code === '08P01' && /startup parameter/.test(failure.message);
}
