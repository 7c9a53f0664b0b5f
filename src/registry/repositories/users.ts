import { type Selectable, sql } from 'kysely';
import { runPrepared } from '../prepared-statements.ts';
import type { RegistryExecutor } from '../registry-database.ts';
import type { GlobalUsers } from '../tables.generated.ts';

export type User = Selectable<GlobalUsers>;

export type NewUser = {
  id: string;
  /** Normalized: the column refuses capitals. */
  email: string;
  name: string | null;
  passwordHash: string;
};

/** Inserts unless the address is taken. @returns whether it was inserted. */
export async function insertUser(executor: RegistryExecutor, user: NewUser): Promise<boolean> {
  const { id, email, name, passwordHash } = user;
  const insertion = executor
    .insertInto('globalUsers')
    .values({ id, email, name, passwordHash })
    .onConflict((conflict) => conflict.column('email').doNothing())
    .returning('id');
  return (await runPrepared(executor, insertion)).length > 0;
}

export async function findUserByEmail(executor: RegistryExecutor, email: string): Promise<User | undefined> {
  return executor.selectFrom('globalUsers').selectAll().where('email', '=', email).executeTakeFirst();
}

export async function findUserById(executor: RegistryExecutor, id: string): Promise<User | undefined> {
  return executor.selectFrom('globalUsers').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function setUserName(executor: RegistryExecutor, id: string, name: string): Promise<void> {
  await executor.updateTable('globalUsers').set({ name }).where('id', '=', id).execute();
}

/**
 * Replaces the hash that was just verified.
 * @returns false when another request has changed the password in between.
 */
export async function replacePasswordHash(
  executor: RegistryExecutor,
  id: string,
  { from, to }: { from: string; to: string },
): Promise<boolean> {
  const changed = await executor
    .updateTable('globalUsers')
    .set({ passwordHash: to })
    .where('id', '=', id)
    .where('passwordHash', '=', from)
    .executeTakeFirst();
  return changed.numUpdatedRows > 0n;
}

/** @returns false when the password that was verified is not the person's any more. */
export async function recordLogin(
  executor: RegistryExecutor,
  { id, passwordHash }: Pick<User, 'id' | 'passwordHash'>,
): Promise<boolean> {
  const changed = await executor
    .updateTable('globalUsers')
    .set({ lastLoginAt: sql`now()` })
    .where('id', '=', id)
    .where('passwordHash', '=', passwordHash)
    .executeTakeFirst();
  return changed.numUpdatedRows > 0n;
}

/** Whoever makes a super administrator vouches for the address, too. */
export async function promoteToSuperAdmin(executor: RegistryExecutor, id: string): Promise<void> {
  await executor
    .updateTable('globalUsers')
    .set({ platformRole: 'SUPER_ADMIN', emailVerifiedAt: sql`coalesce(email_verified_at, now())` })
    .where('id', '=', id)
    .execute();
}
