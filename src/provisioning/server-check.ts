import { addressFault, type Resolve } from '../databases/allowed-address.ts';
import { clientConfig } from '../databases/client-config.ts';
import { readConnectionRoom } from '../databases/connection-room.ts';
import type { DatabaseServer } from '../databases/database-server.ts';
import { probeDirectness } from '../databases/pooler.ts';
import type { ServerFeatures } from '../databases/server-features.ts';
import { openServerSession } from '../databases/server-session.ts';
import { judgeVersion } from '../databases/server-version-floor.ts';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { listServers } from '../registry/repositories/database-servers.ts';
import {
  findServerSummary,
  listWorkingTemplates,
  noteServerCheck,
  type ServerSummary,
} from '../registry/repositories/server-admin.ts';
import type { ServerDirectory } from './server-directory.ts';
import type { TemplateLibrary } from './templates.ts';

export type ServerCheckNeeds = {
  registry: RegistryDatabase;
  servers: Pick<ServerDirectory, 'get'>;
  templates: Pick<TemplateLibrary, 'refresh'>;
  /** ALLOWED_DATABASE_CIDRS. */
  allowedNetworks: readonly string[];
  applicationName: string;
  resolve?: Resolve;
};

/** What operators are told; kept as the result of a task, and so JSON. */
export type ServerReport = {
  server: string;
  version: string;
  connections: number;
  login: string;
  /** Servers that could not be reached now: whether this is one of them by another name is not known. */
  not_compared_with: string[];
};

const statementTimeoutMs = 10_000;
/** How long another test of the same server is waited for: it may make templates. */
const turnMs = 120_000;

/**
 * Tests a server as whoever makes tenants there will use it, and makes the templates there. Workers only: they have
 * the login.
 */
export function createServerCheck(needs: ServerCheckNeeds) {
  const { registry } = needs;

  /** @throws what is wrong with it, which is noted with the server as well */
  return async function checkServer(serverId: string, signal: AbortSignal): Promise<ServerReport> {
    const row = await findServerSummary(registry, { id: serverId });
    if (row === undefined) throw errors.notFound('database server');
    try {
      return await test(needs, row, signal);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const found = { troubleCode: error.code, troubleDetail: error.message };
      await noteServerCheck(registry, serverId, found);
      throw error;
    }
  };
}

/**
 * Whoever is placed there would wait for them; and that they can be made is what matters most. One that cannot be
 * made anywhere is no fault of this server.
 */
async function makeTemplates(needs: ServerCheckNeeds, serverId: string, signal: AbortSignal): Promise<void> {
  const server = await needs.servers.get(serverId);
  for (const template of await listWorkingTemplates(needs.registry)) {
    await needs.templates.refresh({ template, server, signal });
  }
}

async function test(needs: ServerCheckNeeds, row: ServerSummary, signal: AbortSignal): Promise<ServerReport> {
  // Once more, and here: a name may have come to stand for another address, and does so for this machine.
  if (!row.isFromEnvironment) await assertAllowed(needs, row);
  const server = await needs.servers.get(row.id);
  const { applicationName } = needs;
  const session = await logIn(row, server, applicationName);
  try {
    if (!session.features.isDirect) await assertNoPooler(needs, row, server);
    assertFit(row.name, server.admin.user, session.features);
    // Until the outcome is noted: added under two names at once, one of them is to find the other.
    if (!(await session.lock('server-check', turnMs))) throw errors.serverBusy('it is being tested already');
    const { maxConnections, startedAt } = await readConnectionRoom(session);
    const unknown = await assertUnknown(needs, row, startedAt);
    await makeTemplates(needs, row.id, signal);
    const { versionNum } = session.features;
    await noteServerCheck(needs.registry, row.id, { versionNum });
    return {
      server: row.name,
      version: judgeVersion(versionNum).version,
      connections: maxConnections,
      login: server.admin.user,
      not_compared_with: unknown,
    };
  } finally {
    await session.close();
  }
}

/** The login of this server is not the one of the environment, of which that error tells. */
async function logIn(row: ServerSummary, server: DatabaseServer, applicationName: string) {
  try {
    return await openServerSession(server, { applicationName, statementTimeoutMs });
  } catch (error) {
    const isRefused = error instanceof AppError && error.code === errors.adminLoginRefused.definition.code;
    if (!isRefused || row.isFromEnvironment) throw error;
    const why = `it refuses the login of "${server.admin.user}". Remove it, and add it with the right one.`;
    throw errors.serverUnfit(row.name, why).causedBy(error);
  }
}

async function assertAllowed(needs: ServerCheckNeeds, { name, host }: ServerSummary): Promise<void> {
  const fault = await addressFault(host, needs.allowedNetworks, needs.resolve);
  if (fault !== undefined) throw errors.serverUnfit(name, `its host ${fault}.`);
}

async function assertNoPooler(
  { applicationName }: ServerCheckNeeds,
  { name }: ServerSummary,
  server: DatabaseServer,
): Promise<void> {
  const login = clientConfig({ address: server, ...server.admin, database: 'postgres', applicationName });
  if ((await probeDirectness(login)) !== 'transaction-pooler') return;
  throw errors.serverUnfit(
    name,
    'a pooler that lends connections per transaction answers there. Name the server itself.',
  );
}

function assertFit(name: string, user: string, features: ServerFeatures): void {
  const { isTooOld, version } = judgeVersion(features.versionNum);
  if (isTooOld)
    throw errors.serverUnfit(name, `PostgreSQL ${version} is too old. Upgrade it to 14 or newer.`);
  const missing = [
    features.canCreateDatabase ? [] : 'CREATEDB',
    features.canCreateRole ? [] : 'CREATEROLE',
  ].flat();
  if (missing.length === 0) return;
  throw errors.serverUnfit(
    name,
    `"${user}" may not make databases and roles there. Mend it with: ALTER ROLE "${user}" ${missing.join(' ')};`,
  );
}

/** Under two names a server would have two budgets of connections. @returns those that cannot be asked now. */
async function assertUnknown(
  needs: ServerCheckNeeds,
  row: ServerSummary,
  startedAt: string,
): Promise<string[]> {
  const silent: string[] = [];
  for (const other of await listServers(needs.registry)) {
    if (other.id === row.id) continue;
    const otherStart = await readStart(needs, other.id);
    if (otherStart === undefined) silent.push(other.name);
    if (otherStart !== startedAt) continue;
    const address = `"${other.name}" (${other.host}:${other.port})`;
    throw errors.serverUnfit(row.name, `it is the server ${address} under another address.`);
  }
  return silent;
}

/** When a server was started, which tells it from all others; undefined where it is not to be had. */
async function readStart({ servers, applicationName }: ServerCheckNeeds, id: string) {
  try {
    const session = await openServerSession(await servers.get(id), { applicationName, statementTimeoutMs });
    return await readConnectionRoom(session)
      .then((room) => room.startedAt)
      .finally(session.close);
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
