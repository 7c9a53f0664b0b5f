import { clientConfig } from '../../databases/client-config.ts';
import type { DatabaseServer } from '../../databases/database-server.ts';
import { type Directness, probeDirectness } from '../../databases/pooler.ts';
import { openServerSession, type ServerSession } from '../../databases/server-session.ts';
import { readConnectionRights } from '../../registry/repositories/connection-shares.ts';
import { listServers } from '../../registry/repositories/database-servers.ts';
import { listTenantDatabases } from '../../registry/repositories/doctor.ts';
import { listNamedStock, type NamedStock } from '../../registry/repositories/named-objects.ts';
import { type Check, failedLook, logDefect, ok } from './check.ts';
import { checkCollations } from './check-collations.ts';
import { checkOpenDatabases } from './check-open-databases.ts';
import { checkDirectness } from './check-pooler.ts';
import { checkCondition, checkRights } from './check-server-condition.ts';
import { checkVersion } from './check-versions.ts';
import type { DoctorNeeds, WorkerNeeds } from './doctor-needs.ts';

const statementTimeoutMs = 30_000;

/** A server with a session on it, and what belongs to this installation there. */
export type ServerPlace = {
  id: string;
  name: string;
  server: DatabaseServer;
  session: ServerSession;
  stock: NamedStock;
  isOurs: (database: string) => boolean;
};

type Needs = Pick<DoctorNeeds, 'registry' | 'log'> & WorkerNeeds;

/** `brief`: only what is said at start as well. */
export type Extent = 'brief' | 'whole';

/** Every database server that the registry lists. One that cannot be reached keeps none of the others waiting. */
export async function checkServers(needs: Needs, extent: Extent, signal: AbortSignal): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { id, name } of await listServers(needs.registry)) {
    signal.throwIfAborted();
    checks.push(...(await lookAt(needs, { id, name }, extent)));
  }
  return checks;
}

async function lookAt(needs: Needs, { id, name }: { id: string; name: string }, extent: Extent) {
  try {
    return await withServer(needs, { id, name }, (place) => checkServer(needs, place, extent));
  } catch (error) {
    logDefect(needs, error, { server: name });
    return [failedLook('server.reachable', name, error)];
  }
}

export async function withServer<Result>(
  needs: Needs,
  { id, name }: { id: string; name: string },
  work: (place: ServerPlace) => Promise<Result>,
): Promise<Result> {
  const { registry, serverOf, applicationName, databasePrefix, installationId } = needs;
  const server = await serverOf(id);
  const [stock, tenants] = await Promise.all([
    listNamedStock(registry, id),
    listTenantDatabases(registry, id),
  ]);
  const names = new Set([
    ...tenants,
    ...[...stock.copies, ...stock.warm].map(({ databaseName }) => databaseName),
    ...stock.quarantined.map((each) => each.name),
  ]);
  const released = new Set(stock.quarantined.flatMap((each) => (each.isReleased ? [each.name] : [])));
  const prefixes = [databasePrefix, `tm_${installationId}_`];
  const isOurs = (database: string) =>
    !released.has(database) &&
    (names.has(database) || prefixes.some((prefix) => database.startsWith(prefix)));
  const session = await openServerSession(server, { applicationName, statementTimeoutMs });
  try {
    return await work({ id, name, server, session, stock, isOurs });
  } finally {
    await session.close();
  }
}

async function checkServer(needs: Needs, place: ServerPlace, extent: Extent): Promise<Check[]> {
  const { name: subject, session, isOurs } = place;
  const brief = [
    checkVersion('server.version', subject, session.features.versionNum),
    ...(await checkOpenDatabases(session, subject, isOurs)),
    ...(await checkCollations(session, { subject, stock: place.stock, isOurs })),
  ];
  if (extent === 'brief') return brief;
  const { user } = place.server.admin;
  const directness = await directnessOf(needs, place);
  return [
    ok({ check: 'server.reachable', subject, detail: `It answers, and lets ${user} in.` }),
    checkRights(subject, user, session.features),
    checkDirectness('server.pooler', { subject, variable: 'POSTGRES_HOST and POSTGRES_PORT' }, directness),
    ...brief,
    ...(await checkCondition(session, subject, await readConnectionRights(needs.registry, place.id))),
    await checkPgDump(needs, subject, session.features.major),
  ];
}

async function directnessOf(
  { applicationName }: Needs,
  { server, session }: ServerPlace,
): Promise<Directness> {
  if (session.features.isDirect) return 'direct';
  return probeServer(server, applicationName);
}

/** @throws what connecting throws */
function probeServer(server: DatabaseServer, applicationName: string): Promise<Directness> {
  const { admin } = server;
  return probeDirectness(clientConfig({ address: server, ...admin, database: 'postgres', applicationName }));
}

async function checkPgDump(needs: WorkerNeeds, subject: string, serverMajor: number): Promise<Check> {
  const check = 'server.pg_dump';
  try {
    const { where, major } = await needs.findPgDump(serverMajor);
    return ok({ check, subject, detail: `${where} is of version ${major}, and can read it.` });
  } catch (error) {
    const failed = failedLook(check, subject, error);
    if (needs.needsPgDump || failed.status !== 'problem') return failed;
    return { ...failed, status: 'warning' };
  }
}
