import { sql } from 'kysely';
import type { RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
import type { TenantStatus } from '../tables.generated.ts';
import type { Tenant } from './tenants.ts';

/** In these a tenant has a database that nobody makes or unmakes. */
export const rotatableStates = [
  'active',
  'suspended',
  'read_only',
  'maintenance',
  'frozen',
] as const satisfies readonly TenantStatus[];

export type PendingCredentials = { pendingApplicationPassword: string; pendingMigratorPassword: string };

/**
 * Writes down new passwords before the server gets them; where some are written down already, those stay.
 * @returns the tenant with what is pending; undefined when it is in no state for it.
 */
export async function notePendingCredentials(
  trx: RegistryTransaction,
  { id, databaseId }: Pick<Tenant, 'id' | 'databaseId'>,
  pending: PendingCredentials,
): Promise<Tenant | undefined> {
  return trx
    .updateTable('tenantRegistry')
    .set(({ fn, val }) => ({
      pendingApplicationPassword: fn.coalesce(
        'pendingApplicationPassword',
        val(pending.pendingApplicationPassword),
      ),
      pendingMigratorPassword: fn.coalesce('pendingMigratorPassword', val(pending.pendingMigratorPassword)),
      credentialsPendingSince: fn.coalesce('credentialsPendingSince', sql<Date>`now()`),
    }))
    .where('id', '=', id)
    .where('databaseId', '=', databaseId)
    .where('status', 'in', rotatableStates)
    .returningAll()
    .executeTakeFirst();
}

/**
 * Makes the pending passwords the tenant's own, once the server has them.
 * @returns when; undefined where others are pending, or none.
 */
export async function takeOverPendingCredentials(
  trx: RegistryTransaction,
  { id, pendingApplicationPassword }: Pick<Tenant, 'id' | 'pendingApplicationPassword'>,
): Promise<Date | undefined> {
  const taken = await trx
    .updateTable('tenantRegistry')
    .set(({ ref }) => ({
      sealedApplicationPassword: ref('pendingApplicationPassword'),
      sealedMigratorPassword: ref('pendingMigratorPassword'),
      pendingApplicationPassword: null,
      pendingMigratorPassword: null,
      credentialsPendingSince: null,
      credentialsRotatedAt: sql<Date>`now()`,
    }))
    .where('id', '=', id)
    .where('pendingApplicationPassword', '=', pendingApplicationPassword)
    .returning('credentialsRotatedAt')
    .executeTakeFirst();
  return taken?.credentialsRotatedAt ?? undefined;
}

/** Tenants whose new passwords have been pending for so long that nobody is at it any more. */
export async function listUnfinishedRotations(
  executor: RegistryExecutor,
  pendingMs: number,
): Promise<{ tenantId: string; slug: string }[]> {
  return executor
    .selectFrom('tenantRegistry')
    .select(['id as tenantId', 'slug'])
    .where('credentialsPendingSince', '<', sql<Date>`now() - ${pendingMs} * interval '1 millisecond'`)
    .where('status', 'in', rotatableStates)
    .orderBy('id')
    .limit(1_000)
    .execute();
}
