import { errors } from '../errors/catalogue.ts';
import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import { assertOurs, readRoles } from './role-state.ts';
import type { ServerSession } from './server-session.ts';
import { serverFailure } from './sql-state.ts';
import type { TenantRoleNames } from './tenant-roles.ts';

/**
 * Drops a tenant's login roles, wherever they are still connected and whatever databases they were let into.
 * Call it after the tenant's database is gone. Idempotent.
 */
export async function dropTenantRoles(session: ServerSession, names: TenantRoleNames): Promise<void> {
  await dropLoginRoles(session, [names.migratorRole, names.applicationRole]);
}

/** The same for login roles that no tenant has. Throws verification_failed for what somebody else made, and role_in_use. */
export async function dropLoginRoles(session: ServerSession, names: readonly string[]): Promise<void> {
  const found = await readRoles(session, names);
  if (found.size === 0) return;
  for (const role of found.values()) assertOurs(role);
  const roles = [...found.keys()];
  await retryConcurrentUpdate(() => forbidDatabases(session, roles));
  await dropRoles(session, roles);
}

/** CONNECT on a database beside its own (`doctor --fix` grants it on `postgres`) would hold the role back. */
async function forbidDatabases(session: ServerSession, roles: readonly string[]): Promise<void> {
  const grants = await session.rows<{ database: string; role: string }>(
    `SELECT DISTINCT d.datname::text AS database, r.rolname::text AS role
       FROM pg_database d, aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
      WHERE r.rolname = ANY($1::text[])`,
    [[...roles]],
  );
  for (const { database, role } of grants) {
    await session.run(`REVOKE ALL ON DATABASE ${quoteIdentifier(database)} FROM ${quoteIdentifier(role)}`);
  }
}

async function dropRoles(session: ServerSession, roles: readonly string[]): Promise<void> {
  const list = roles.map((role) => quoteIdentifier(role)).join(', ');
  try {
    await retryConcurrentUpdate(() => session.run(`DROP ROLE IF EXISTS ${list}`));
  } catch (error) {
    const failure = serverFailure(error);
    if (failure?.code !== '2BP01') throw error;
    const why = `${failure.message}: ${failure.detail ?? 'something depends on it'}`;
    throw errors.roleInUse(why).causedBy(error);
  }
  // A session that began before the DROP lives on without a name; the ids in use are no longer in the catalog.
  await session.run(
    `SELECT pg_terminate_backend(s.pid) FROM pg_stat_activity s
      WHERE s.usesysid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = s.usesysid)`,
  );
}
