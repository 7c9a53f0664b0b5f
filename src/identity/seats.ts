import { errors } from '../errors/catalogue.ts';
import type { RegistryTransaction } from '../registry/registry-database.ts';
import {
  findMember,
  lockSeats,
  type Member,
  type MemberKey,
  type Seats,
} from '../registry/repositories/members.ts';

/** Every change of members holds this lock, so that seats and ADMINs may be counted. @throws tenant_not_found */
export async function lockExistingSeats(trx: RegistryTransaction, tenantId: string): Promise<Seats> {
  const seats = await lockSeats(trx, tenantId);
  if (seats === undefined) throw errors.tenantNotFound();
  return seats;
}

/** @throws not_found */
export async function readMember(trx: RegistryTransaction, key: MemberKey): Promise<Member> {
  const member = await findMember(trx, key);
  if (member === undefined) throw errors.notFound('member');
  return member;
}
