import { type Insertable, type Selectable, sql, type Updateable } from 'kysely';
import { runPrepared } from '../prepared-statements.ts';
import type { RegistryExecutor } from '../registry-database.ts';
import type { TenantRegistry, TenantStatus } from '../tables.generated.ts';

export type Tenant = Selectable<TenantRegistry>;
export type TenantChange = Updateable<TenantRegistry>;

/** The predicate of the unique index, to the letter: a bound value would not be recognized as the same. */
export const slugIsInUse = sql<boolean>`status <> 'deleted'`;

/** Inserts unless the slug is taken. @returns whether it was inserted. */
export async function insertTenant(
  executor: RegistryExecutor,
  tenant: Insertable<TenantRegistry>,
): Promise<boolean> {
  const insertion = executor
    .insertInto('tenantRegistry')
    .values(tenant)
    .onConflict((conflict) => conflict.column('slug').where(slugIsInUse).doNothing())
    .returning('id');
  return (await runPrepared(executor, insertion)).length > 0;
}

export async function findTenant(executor: RegistryExecutor, id: string): Promise<Tenant | undefined> {
  return executor.selectFrom('tenantRegistry').selectAll().where('id', '=', id).executeTakeFirst();
}

export type TenantVersion = { id: string; generation: number; status: readonly TenantStatus[] };

/**
 * Compare-and-set: changes the row only while it is in one of the expected states of that generation.
 * @returns the changed row; undefined when another writer was first.
 */
export async function changeTenant(
  executor: RegistryExecutor,
  expected: TenantVersion,
  change: TenantChange,
): Promise<Tenant | undefined> {
  return executor
    .updateTable('tenantRegistry')
    .set(change)
    .where('id', '=', expected.id)
    .where('generation', '=', expected.generation)
    .where('status', 'in', expected.status)
    .returningAll()
    .executeTakeFirst();
}

/** Deleted tenants whose days of grace are over, the longest due first. */
export async function listTenantsToPurge(
  executor: RegistryExecutor,
  limit: number,
): Promise<{ id: string }[]> {
  return executor
    .selectFrom('tenantRegistry')
    .select('id')
    .where('status', '=', 'deleting')
    .where('purgeAfter', '<=', sql<Date>`now()`)
    .orderBy('purgeAfter')
    .limit(limit)
    .execute();
}
