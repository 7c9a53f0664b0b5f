import { dropDatabase } from '../databases/drop-database.ts';
import { dropLoginRoles } from '../databases/drop-tenant-roles.ts';
import { listDatabasesWithObjectsOf } from '../databases/inventory.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { dropTemplate } from '../databases/template-database.ts';
import { isNamed } from '../registry/repositories/named-objects.ts';
import { findQuarantined, quarantineDatabase } from '../registry/repositories/quarantined-objects.ts';
import type { Found, RepairAction } from './finding.ts';
import { judgeLeftovers } from './judge-leftovers.ts';
import { readServerObjects, type Server } from './look-at-server.ts';
import { type ReconcileNeeds, withSession } from './reconcile-needs.ts';
import { busy, done, gone, type Mended, unchanged } from './repair-outcome.ts';
import { lockLeftover, shutAway } from './shut-away.ts';

export type LeftoverRepair = { server: Server; name: string; found: Found; evenInUse: boolean };

/** Shuts or removes what no row names. Its names are random and are never given again. */
export async function repairLeftover(needs: ReconcileNeeds, repair: LeftoverRepair): Promise<Mended> {
  const { action, kind } = repair.found;
  if (action === undefined) return gone;
  return withSession(needs, repair.server.id, async (session) => {
    if (!(await lockLeftover(session, repair.name))) return busy;
    const now = await judgeAgain(needs, session, repair);
    if (now === undefined || now.kind !== kind || now.action !== action) return gone;
    if (now.isInUse && !repair.evenInUse) return busy;
    await (acts[action] ?? nothing)(needs, session, repair);
    const left = await judgeAgain(needs, session, repair);
    return left?.action === action ? unchanged([left]) : done(action);
  });
}

async function judgeAgain(
  { registry, ownership }: ReconcileNeeds,
  session: ServerSession,
  { server, name }: LeftoverRepair,
): Promise<Found | undefined> {
  if (await isNamed(registry, { serverId: server.id, name })) return undefined;
  if ((await findQuarantined(registry, { serverId: server.id, name })) !== undefined) return undefined;
  const wanted = { prefixes: [], names: [name] };
  const objects = await readServerObjects(session, { databases: wanted, roles: wanted });
  const holdingOurs = await listDatabasesWithObjectsOf(session, ownership.neutral.owner, [name]);
  const named = { databases: new Set<string>(), roles: new Set<string>() };
  return judgeLeftovers({ objects, named, holdingOurs, server, ownership }).find(
    ({ subject }) => subject === name,
  );
}

type Act = (needs: ReconcileNeeds, session: ServerSession, repair: LeftoverRepair) => Promise<void>;

const nothing: Act = async () => undefined;

const acts: Partial<Record<RepairAction, Act>> = {
  async quarantine({ registry, ownership }, session, { server, name, found }) {
    // The row first: a database that is shut and that nobody names would only be found again.
    await quarantineDatabase(registry, { serverId: server.id, name, reason: found.detail });
    await shutAway(session, name, ownership);
  },
  drop_half_dropped: (_needs, session, { name }) => dropDatabase(session, name),
  drop_template: (_needs, session, { name }) => dropTemplate(session, name),
  drop_role: (_needs, session, { name }) => dropLoginRoles(session, [name]),
};
