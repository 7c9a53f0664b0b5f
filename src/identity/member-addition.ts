import { randomUUID } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { type Actor, recordAudit } from '../registry/repositories/audit-log.ts';
import { countMembers, insertMember, type Member, recountUsers } from '../registry/repositories/members.ts';
import { findUserByEmail, insertUser } from '../registry/repositories/users.ts';
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
  /**
   * The work, the answer and the time are the same whether the person had an account or not.
   * @throws invalid_request, already_member, seat_limit_reached
   */
  return async function addMember(request: NewMember): Promise<Member> {
    const { tenantId, role, actor } = request;
    const email = normalizeEmail(request.email);
    passwords.assertAcceptablePassword(request.password, { notEqualTo: [email] });
    const passwordHash = await passwords.hashPassword(request.password);
    return database.transaction().execute(async (trx) => {
      const seats = await lockExistingSeats(trx, tenantId);
      const person = { id: randomUUID(), email, name: request.name ?? null, passwordHash };
      const userId = await settlePerson(trx, person);
      const isNew = await insertMember(trx, { tenantId, userId, role });
      if (!isNew) throw errors.alreadyMember();
      const taken = await countMembers(trx, tenantId);
      if (seats.limit !== null && taken > seats.limit) throw errors.seatLimitReached(seats.plan, seats.limit);
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

/** @returns the id of the person who has this address, who is made if there is nobody. */
async function settlePerson(
  trx: RegistryTransaction,
  person: { id: string; email: string; name: string | null; passwordHash: string },
): Promise<string> {
  if (await insertUser(trx, person)) return person.id;
  const known = await findUserByEmail(trx, person.email);
  if (known === undefined) throw errors.notFound('person');
  return known.id;
}
