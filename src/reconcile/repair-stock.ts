import type { ServerSession } from '../databases/server-session.ts';
import { publish } from '../registry/messages.ts';
import { listNamedStock, type NamedStock } from '../registry/repositories/named-objects.ts';
import { forgetQuarantined } from '../registry/repositories/quarantined-objects.ts';
import { retireWarmDatabases } from '../registry/repositories/warm-databases.ts';
import { type Found, keyOf } from './finding.ts';
import { judgeStock } from './judge-stock.ts';
import { readServerObjects, type Server } from './look-at-server.ts';
import { type ReconcileNeeds, withSession } from './reconcile-needs.ts';
import { busy, done, gone, type Mended, unchanged } from './repair-outcome.ts';
import { lockLeftover, shutAway } from './shut-away.ts';

/** Takes out of use what of the stock is broken; those who keep the stock replace it. */
export async function repairStock(
  needs: ReconcileNeeds,
  { server, found, evenInUse }: { server: Server; found: Found; evenInUse: boolean },
): Promise<Mended> {
  return withSession(needs, server.id, async (session) => {
    if (found.target.of === 'quarantine' && !(await lockLeftover(session, found.target.name))) return busy;
    const look = async () =>
      (await judgeAgain(needs, session, server)).find((each) => keyOf(each) === keyOf(found));
    const now = await look();
    if (now?.action === undefined || now.action !== found.action) return gone;
    if (now.isInUse && !evenInUse) return busy;
    await mend(needs, session, now);
    const left = await look();
    return left === undefined ? done(now.action) : unchanged([left]);
  });
}

/** All of a server's stock: it is little, and asked in two statements. */
async function judgeAgain(
  { registry, ownership }: ReconcileNeeds,
  session: ServerSession,
  server: Server,
): Promise<Found[]> {
  const stock = await listNamedStock(registry, server.id);
  const objects = await readServerObjects(session, {
    databases: { prefixes: [], names: databasesOf(stock) },
    roles: {
      prefixes: [],
      names: stock.warm.flatMap(({ migratorRole, applicationRole }) => [migratorRole, applicationRole]),
    },
  });
  return judgeStock({ stock, objects, server, ownership });
}

const databasesOf = ({ warm, copies, quarantined }: NamedStock) => [
  ...[...warm, ...copies].map(({ databaseName }) => databaseName),
  ...quarantined.map(({ name }) => name),
];

async function mend(
  { registry, ownership, loseCopy }: ReconcileNeeds,
  session: ServerSession,
  { target, action }: Found,
): Promise<void> {
  switch (target.of) {
    case 'warm':
      await retireWarmDatabases(registry, [target.id]);
      return publish(registry, { kind: 'warm.wanted', serverId: target.serverId });
    case 'copy':
      return loseCopy(target.id);
    case 'quarantine':
      return action === 'close_again'
        ? shutAway(session, target.name, ownership)
        : forgetQuarantined(registry, target.id);
    default:
      return undefined;
  }
}
