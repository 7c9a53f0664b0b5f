import { sql } from 'kysely';
import type { RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
import type { MemberRole, TenantStatus } from '../tables.generated.ts';

export type MemberKey = { tenantId: string; userId: string };

/** A person as the other members see them. */
export type Member = {
  userId: string;
  email: string;
  name: string | null;
  role: MemberRole;
  createdAt: Date;
};

/** A tenant as one of its members sees it. */
export type Membership = {
  tenantId: string;
  slug: string;
  name: string;
  status: TenantStatus;
  role: MemberRole;
};

/** Inserts unless the person is a member already. @returns whether it was inserted. */
export async function insertMember(
  executor: RegistryExecutor,
  member: MemberKey & { role: MemberRole },
): Promise<boolean> {
  const inserted = await executor
    .insertInto('tenantMembers')
    .values(member)
    .onConflict((conflict) => conflict.columns(['tenantId', 'userId']).doNothing())
    .returning('userId')
    .executeTakeFirst();
  return inserted !== undefined;
}

export async function findMember(
  executor: RegistryExecutor,
  { tenantId, userId }: MemberKey,
): Promise<Member | undefined> {
  return selectMembers(executor, tenantId).where('m.userId', '=', userId).executeTakeFirst();
}

/** By address, which is unique and so a stable cursor. */
export async function listMembers(
  executor: RegistryExecutor,
  tenantId: string,
  { afterEmail, limit }: { afterEmail: string | undefined; limit: number },
): Promise<Member[]> {
  const members = selectMembers(executor, tenantId).orderBy('u.email').limit(limit);
  return (afterEmail === undefined ? members : members.where('u.email', '>', afterEmail)).execute();
}

function selectMembers(executor: RegistryExecutor, tenantId: string) {
  return executor
    .selectFrom('tenantMembers as m')
    .innerJoin('globalUsers as u', 'u.id', 'm.userId')
    .where('m.tenantId', '=', tenantId)
    .select(['m.userId', 'u.email', 'u.name', 'm.role', 'm.createdAt']);
}

/** All tenants of a person, oldest first, but those of which nothing is left: others may have their slugs. */
export async function listMemberships(executor: RegistryExecutor, userId: string): Promise<Membership[]> {
  return selectMemberships(executor, userId).where('t.status', '<>', 'deleted').orderBy('t.id').execute();
}

export async function findMembership(
  executor: RegistryExecutor,
  { tenantId, userId }: MemberKey,
): Promise<Membership | undefined> {
  return selectMemberships(executor, userId).where('m.tenantId', '=', tenantId).executeTakeFirst();
}

function selectMemberships(executor: RegistryExecutor, userId: string) {
  return executor
    .selectFrom('tenantMembers as m')
    .innerJoin('tenantRegistry as t', 't.id', 'm.tenantId')
    .where('m.userId', '=', userId)
    .select(['m.tenantId', 't.slug', 't.name', 't.status', 'm.role']);
}

export type Seats = { plan: string; limit: number | null };

/**
 * Makes every other change of this tenant's members wait for the end of the transaction, so that seats and
 * administrators may be counted. FOR NO KEY UPDATE: rows that merely refer to the tenant need not wait.
 */
export async function lockSeats(trx: RegistryTransaction, tenantId: string): Promise<Seats | undefined> {
  const tenant = await trx
    .selectFrom('tenantRegistry')
    .where('id', '=', tenantId)
    .select('plan')
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (tenant === undefined) return undefined;
  const { seats } = await trx
    .selectFrom('plans')
    .where('key', '=', tenant.plan)
    .select('seats')
    .executeTakeFirstOrThrow();
  return { plan: tenant.plan, limit: seats };
}

export async function countMembers(executor: RegistryExecutor, tenantId: string): Promise<number> {
  return count(executor, tenantId);
}

export async function countAdmins(executor: RegistryExecutor, tenantId: string): Promise<number> {
  return count(executor, tenantId, 'ADMIN');
}

async function count(executor: RegistryExecutor, tenantId: string, role?: MemberRole): Promise<number> {
  const members = executor
    .selectFrom('tenantMembers')
    .where('tenantId', '=', tenantId)
    .select((select) => select.fn.countAll<number>().as('members'));
  const row = await (role === undefined ? members : members.where('role', '=', role)).executeTakeFirst();
  return row?.members ?? 0;
}

export async function setMemberRole(
  executor: RegistryExecutor,
  { tenantId, userId }: MemberKey,
  role: MemberRole,
): Promise<void> {
  await executor
    .updateTable('tenantMembers')
    .set({ role })
    .where('tenantId', '=', tenantId)
    .where('userId', '=', userId)
    .execute();
}

export async function deleteMember(
  executor: RegistryExecutor,
  { tenantId, userId }: MemberKey,
): Promise<void> {
  await executor
    .deleteFrom('tenantMembers')
    .where('tenantId', '=', tenantId)
    .where('userId', '=', userId)
    .execute();
}

/** Brings `tenant_usage.users` in line; to be called under the lock of the seats. */
export async function recountUsers(executor: RegistryExecutor, tenantId: string): Promise<void> {
  const users = await countMembers(executor, tenantId);
  await executor
    .insertInto('tenantUsage')
    .values({ tenantId, users })
    .onConflict((conflict) => conflict.column('tenantId').doUpdateSet({ users, updatedAt: sql`now()` }))
    .execute();
}
