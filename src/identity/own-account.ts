import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { recordAudit } from '../registry/repositories/audit-log.ts';
import { endSessions } from '../registry/repositories/sessions.ts';
import { findUserById, replacePasswordHash, setUserName, type User } from '../registry/repositories/users.ts';
import type { AccessClaims } from './access-tokens.ts';
import type { Passwords } from './passwords.ts';
import type { ChangeSessionsOf } from './session-changes.ts';

export type OwnAccountNeeds = {
  database: RegistryDatabase;
  passwords: Passwords;
  changeSessionsOf: ChangeSessionsOf;
};

export type PasswordChange = { currentPassword: string; newPassword: string };

/** What people change about themselves. */
export function createOwnAccount({ database, passwords, changeSessionsOf }: OwnAccountNeeds) {
  async function readSelf({ userId }: AccessClaims): Promise<User> {
    const user = await findUserById(database, userId);
    if (user === undefined) throw errors.notAuthenticated();
    return user;
  }

  return {
    async changeOwnName(caller: AccessClaims, name: string): Promise<void> {
      const { userId, tenantId } = caller;
      const { name: before } = await readSelf(caller);
      await database.transaction().execute(async (trx) => {
        await setUserName(trx, userId, name);
        await recordAudit(trx, {
          actor: { kind: 'user', id: userId },
          action: 'user.renamed',
          tenantId,
          before: { name: before },
          after: { name },
        });
      });
    },

    /**
     * Ends all sessions but the one that asks.
     * @throws invalid_request when the current password is wrong or the new one not acceptable
     */
    async changePassword(
      caller: AccessClaims,
      { currentPassword, newPassword }: PasswordChange,
    ): Promise<void> {
      const { userId, tenantId, sessionId } = caller;
      const user = await readSelf(caller);
      if (!(await passwords.verifyPassword(user.passwordHash, currentPassword))) throw wrongPassword();
      passwords.assertAcceptablePassword(newPassword, { path: 'new_password', notEqualTo: [user.email] });
      const to = await passwords.hashPassword(newPassword);
      await changeSessionsOf(userId, async (trx) => {
        const isMine = await replacePasswordHash(trx, userId, { from: user.passwordHash, to });
        if (!isMine) throw wrongPassword();
        await endSessions(trx, { userId, exceptId: sessionId }, 'password_changed');
        await recordAudit(trx, {
          actor: { kind: 'user', id: userId },
          action: 'user.password_changed',
          tenantId,
        });
      });
    },
  };
}

const wrongPassword = () =>
  errors.invalidRequest([{ path: 'current_password', message: 'is not your password' }]);
