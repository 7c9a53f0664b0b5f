import { randomUUID } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { type Actor, recordAudit } from '../registry/repositories/audit-log.ts';
import {
  countMembers,
  insertMember,
  type Member,
  recountUsers,
  type Seats,
} from '../registry/repositories/members.ts';
import { findUserByEmail, insertUser, type User } from '../registry/repositories/users.ts';
import type { MemberRole } from '../registry/tables.generated.ts';
import { normalizeEmail } from './email.ts';
import type { Passwords } from './passwords.ts';
import { lockExistingSeats, readMember } from './seats.ts';

export type MemberAdditionNeeds = { database: RegistryDatabase; passwords: Passwords };

export type NewMember = {
  tenantId: string;
  email: string;
  /** First password of a person who has no account yet; whoever has one keeps their own. */
  password: string;
  name?: string | undefined;
  role: MemberRole;
  actor: Actor;
};

export function createMemberAddition({ database, passwords }: MemberAdditionNeeds) {
  async function assertTheirs({ passwordHash }: User, password: string): Promise<void> {
    if (!(await passwords.verifyPassword(passwordHash, password))) throw errors.emailTaken();
  }

  /**
   * A person who has an account already joins with it, and the password must be that account's: addresses are
   * not verified, so whoever holds the account may be a stranger who took the address first.
   * @throws invalid_request, already_member, seat_limit_reached, email_taken
   */
  return async function addMember(request: NewMember): Promise<Member> {
    const { tenantId, role, actor } = request;
    const email = normalizeEmail(request.email);
    passwords.assertAcceptablePassword(request.password, { notEqualTo: [email] });
    const passwordHash = await passwords.hashPassword(request.password);
    return database.transaction().execute(async (trx) => {
      const seats = await lockExistingSeats(trx, tenantId);
      const person = { id: randomUUID(), email, name: request.name ?? null, passwordHash };
      const known = (await insertUser(trx, person)) ? undefined : await findUserByEmail(trx, email);
      const userId = known?.id ?? person.id;
      if (!(await insertMember(trx, { tenantId, userId, role }))) throw errors.alreadyMember();
      if (known !== undefined) await assertTheirs(known, request.password);
      await assertSeat(trx, tenantId, seats);
      await recountUsers(trx, tenantId);
      await recordAudit(trx, {
        actor,
        action: 'member.added',
        tenantId,
        after: { user_id: userId, email, role },
      });
      return readMember(trx, { tenantId, userId });
    });
  };
}

/** Counted after the insertion, under the lock of the tenant's row. */
async function assertSeat(trx: RegistryTransaction, tenantId: string, { plan, limit }: Seats): Promise<void> {
  const taken = await countMembers(trx, tenantId);
  if (limit !== null && taken > limit) throw errors.seatLimitReached(plan, limit);
}
