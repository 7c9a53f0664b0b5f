import type { Insertable, Selectable, Updateable } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { TenantRegistry, TenantStatus } from '../tables.generated.ts';

export type Tenant = Selectable<TenantRegistry>;
export type TenantChange = Updateable<TenantRegistry>;

/** Inserts unless the slug is taken. @returns whether it was inserted. */
export async function insertTenant(
  executor: RegistryExecutor,
  tenant: Insertable<TenantRegistry>,
): Promise<boolean> {
  const inserted = await executor
    .insertInto('tenantRegistry')
    .values(tenant)
    .onConflict((conflict) => conflict.column('slug').where('status', '!=', 'deleted').doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted !== undefined;
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

export async function countTenantsOnServer(executor: RegistryExecutor, serverId: string): Promise<number> {
  const { count } = await executor
    .selectFrom('tenantRegistry')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('serverId', '=', serverId)
    .where('databaseName', 'is not', null)
    .executeTakeFirstOrThrow();
  return count;
}
