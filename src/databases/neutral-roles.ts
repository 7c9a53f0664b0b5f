import { errors } from '../errors/catalogue.ts';
import type { NeutralRoles } from './database-server.ts';
import { neutralRoleFaults } from './neutral-role-faults.ts';
import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import { assertOurs, readRoles } from './role-state.ts';
import type { ServerSession } from './server-session.ts';
import { isAlreadyDone } from './sql-state.ts';

const LOCK_WAIT_MS = 10_000;

/**
 * Makes sure that the installation's two neutral roles exist and cannot log in. Cheap when they do.
 * @throws verification_failed where one of them has rights that every tenant would have
 */
export async function ensureNeutralRoles(session: ServerSession, roles: NeutralRoles): Promise<void> {
  if (await areReady(session, roles)) return;
  const key = `neutral-roles:${roles.owner}`;
  if (!(await session.lock(key, LOCK_WAIT_MS))) {
    throw errors.serverBusy('another process is making the neutral roles.');
  }
  try {
    await retryConcurrentUpdate(() => ensureRole(session, roles.owner));
    await retryConcurrentUpdate(() => ensureRole(session, roles.application));
    await retryConcurrentUpdate(() => joinRoles(session, roles));
    await assertPowerless(session, roles);
  } finally {
    await session.unlock(key);
  }
}

async function areReady(session: ServerSession, roles: NeutralRoles): Promise<boolean> {
  const found = await readRoles(session, [roles.owner, roles.application]);
  for (const role of found.values()) assertOurs(role);
  if (found.size < 2 || [...found.values()].some((role) => role.canLogin)) return false;
  await assertPowerless(session, roles);
  return session.features.isSuperuser || isMember(session, roles);
}

async function assertPowerless(session: ServerSession, roles: NeutralRoles): Promise<void> {
  const [fault] = await neutralRoleFaults(session, roles);
  if (fault === undefined) return;
  const { role, rights, mend } = fault;
  throw errors.verificationFailed(
    `the role "${role}", whose rights every tenant of the server has, has ${rights.join(', ')}. Find out who gave it that, then take it away: ${mend}`,
  );
}

async function ensureRole(session: ServerSession, name: string): Promise<void> {
  const role = quoteIdentifier(name);
  const found = (await readRoles(session, [name])).get(name);
  if (found !== undefined) assertOurs(found);
  if (found !== undefined && !found.canLogin) return;
  try {
    await session.run(found === undefined ? `CREATE ROLE ${role} NOLOGIN` : `ALTER ROLE ${role} NOLOGIN`);
  } catch (error) {
    if (!isAlreadyDone(error)) throw error;
  }
}

/** Without superuser, the platform's login gives objects to the neutral owner only as a member of it. */
async function joinRoles(session: ServerSession, roles: NeutralRoles): Promise<void> {
  if (session.features.isSuperuser || (await isMember(session, roles))) return;
  const both = `${quoteIdentifier(roles.owner)}, ${quoteIdentifier(roles.application)}`;
  await session.run(`GRANT ${both} TO CURRENT_USER`);
}

async function isMember(session: ServerSession, roles: NeutralRoles): Promise<boolean> {
  const [row] = await session.rows<{ isMember: boolean }>(
    `SELECT pg_has_role($1::name, 'USAGE') AND pg_has_role($2::name, 'USAGE') AS "isMember"`,
    [roles.owner, roles.application],
  );
  return row?.isMember === true;
}
