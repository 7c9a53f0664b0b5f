import { sql } from 'kysely';
import type { RegistryTransaction } from '../registry-database.ts';
import type { Tenant } from './tenants.ts';

/**
 * A tenant as it is, and as it stays until the transaction ends. Whoever locks a tenant and its runs locks the
 * tenant first.
 */
export async function lockTenant(trx: RegistryTransaction, id: string): Promise<Tenant | undefined> {
  return trx
    .selectFrom('tenantRegistry')
    .selectAll()
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst();
}

/** Locks a tenant that was deleted and whose days of grace are over. @returns whether it is one at this moment. */
export async function lockTenantToPurge(trx: RegistryTransaction, id: string): Promise<boolean> {
  const due = await trx
    .selectFrom('tenantRegistry')
    .select('id')
    .where('id', '=', id)
    .where('status', '=', 'deleting')
    .where('purgeAfter', '<=', sql<Date>`now()`)
    .forNoKeyUpdate()
    .executeTakeFirst();
  return due !== undefined;
}
