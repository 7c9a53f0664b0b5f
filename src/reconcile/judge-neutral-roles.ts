import { neutralRoleFaults } from '../databases/neutral-role-faults.ts';
import type { ServerSession } from '../databases/server-session.ts';
import type { Found } from './finding.ts';
import type { Ownership } from './reconcile-needs.ts';

/**
 * The two roles that all tenants of a server share. Nothing is done about them by itself: who gave a right that
 * every tenant then had is to be asked, and what was done with it to be looked at.
 */
export async function judgeNeutralRoles(
  session: Pick<ServerSession, 'rows'>,
  server: string,
  { neutral }: Pick<Ownership, 'neutral'>,
): Promise<Found[]> {
  const faults = await neutralRoleFaults(session, neutral);
  return faults.map(({ role, rights, mend }) => ({
    kind: 'role_powerful',
    server,
    subject: role,
    detail: `The role ${role}, whose rights every tenant of the server has, has ${rights.join(', ')}. Find out who gave it that and what was done with it, then take it away: ${mend}`,
    target: { of: 'nothing' },
  }));
}
