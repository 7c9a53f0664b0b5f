import { randomUUID } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import { type Actor, recordAudit, systemActor } from '../registry/repositories/audit-log.ts';
import {
  findUserByEmail,
  insertUser,
  promoteToSuperAdmin,
  type User,
} from '../registry/repositories/users.ts';
import { emailSchema } from './email.ts';
import type { Passwords } from './passwords.ts';
import type { ChangeSessionsOf } from './session-changes.ts';

export type NewSuperAdmin = { email: string; password: string; name?: string; actor?: Actor };

/** @throws invalid_request; email_taken when the address is known and the password is not its own */
export function createSuperAdmins(needs: { passwords: Passwords; changeSessionsOf: ChangeSessionsOf }) {
  const { passwords, changeSessionsOf } = needs;

  return async function createSuperAdmin(request: NewSuperAdmin): Promise<{ id: string; email: string }> {
    const email = parseEmail(request.email);
    passwords.assertAcceptablePassword(request.password, { notEqualTo: [email] });
    const [id, passwordHash] = [randomUUID(), await passwords.hashPassword(request.password)];
    return changeSessionsOf(id, async (trx) => {
      const isNew = await insertUser(trx, { id, email, name: request.name ?? null, passwordHash });
      const known = isNew ? undefined : await findUserByEmail(trx, email);
      if (!isNew) await assertOwnPassword(known, request.password);
      const userId = known?.id ?? id;
      await promoteToSuperAdmin(trx, userId);
      await recordAudit(trx, {
        actor: request.actor ?? systemActor,
        action: 'super_admin.created',
        after: { user_id: userId, email },
      });
      return { id: userId, email };
    });
  };

  async function assertOwnPassword(user: User | undefined, password: string): Promise<void> {
    const isRight = user !== undefined && (await passwords.verifyPassword(user.passwordHash, password));
    if (!isRight) throw errors.emailTaken();
  }
}

function parseEmail(text: string): string {
  const parsed = emailSchema.safeParse(text);
  if (!parsed.success) throw errors.invalidRequest([{ path: 'email', message: 'must be an e-mail address' }]);
  return parsed.data;
}
