import { type Insertable, type Selectable, sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { AdminKeys, AdminScope } from '../tables.generated.ts';

export type AdminKeyRow = Omit<Selectable<AdminKeys>, 'hash'>;

const shown = [
  'id',
  'name',
  'scope',
  'createdBy',
  'createdAt',
  'expiresAt',
  'lastUsedAt',
  'revokedAt',
] as const;

export async function insertAdminKey(
  executor: RegistryExecutor,
  key: Insertable<AdminKeys>,
): Promise<AdminKeyRow> {
  return executor.insertInto('adminKeys').values(key).returning(shown).executeTakeFirstOrThrow();
}

/** All of them, the newest first; those that were revoked too. */
export async function listAdminKeys(executor: RegistryExecutor): Promise<AdminKeyRow[]> {
  return executor.selectFrom('adminKeys').select(shown).orderBy('createdAt', 'desc').orderBy('id').execute();
}

/** How exactly its last use is known: a key in steady use is not written with every request. */
const noteUseEvery = '1 minute';

/** The key with this hash, if it may be used now; its use is noted. */
export async function findAdminKey(
  executor: RegistryExecutor,
  hash: Buffer,
): Promise<{ keyId: string; scope: AdminScope; hash: Buffer } | undefined> {
  const found = await executor
    .selectFrom('adminKeys')
    .select(['id', 'scope', 'hash'])
    .select(
      sql<boolean>`last_used_at IS NULL OR last_used_at < now() - ${noteUseEvery}::interval`.as('isUseDue'),
    )
    .where('hash', '=', hash)
    .where('revokedAt', 'is', null)
    .where(({ or, eb }) => or([eb('expiresAt', 'is', null), eb('expiresAt', '>', sql<Date>`now()`)]))
    .executeTakeFirst();
  if (found?.isUseDue) {
    await executor
      .updateTable('adminKeys')
      .set({ lastUsedAt: sql<Date>`now()` })
      .where('id', '=', found.id)
      .execute();
  }
  return found === undefined ? undefined : { keyId: found.id, scope: found.scope, hash: found.hash };
}

/** @returns undefined for one that is not there, or was revoked before. */
export async function revokeAdminKey(
  executor: RegistryExecutor,
  id: string,
): Promise<AdminKeyRow | undefined> {
  return executor
    .updateTable('adminKeys')
    .set({ revokedAt: sql<Date>`now()` })
    .where('id', '=', id)
    .where('revokedAt', 'is', null)
    .returning(shown)
    .executeTakeFirst();
}
