import { allowConnections, closeDatabase } from '../databases/close-database.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { withdrawRights } from '../databases/withdraw-rights.ts';
import { readServerObjects } from './look-at-server.ts';
import { isOurRole } from './our-names.ts';
import type { Ownership } from './reconcile-needs.ts';

/** Whoever shuts, opens or removes what no row names holds this. @returns false when somebody else does */
export const lockLeftover = (session: ServerSession, name: string): Promise<boolean> =>
  session.lock(`leftover:${name}`, 0);

/** Shuts a database that nobody names. Whoever opens it to look at it lets no tenant in by that. */
export async function shutAway(session: ServerSession, name: string, ownership: Ownership): Promise<void> {
  await closeDatabase(session, name);
  await withdrawFromTenants(session, name, ownership);
}

/** Opens it to superusers, its owner, and those whom operators let in by name. */
export async function openToOperators(
  session: ServerSession,
  name: string,
  ownership: Ownership,
): Promise<void> {
  await withdrawFromTenants(session, name, ownership);
  await allowConnections(session, name);
}

async function withdrawFromTenants(session: ServerSession, name: string, ownership: Ownership) {
  const objects = await readServerObjects(session, {
    databases: { prefixes: [], names: [name] },
    roles: { prefixes: [], names: [] },
  });
  const grantees = objects.databases.get(name)?.grantees ?? [];
  await withdrawRights(
    session,
    name,
    grantees.filter((role) => isOurRole(role, ownership)),
  );
}
