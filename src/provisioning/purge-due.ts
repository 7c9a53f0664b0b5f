import type { RegistryDatabase } from '../registry/registry-database.ts';
import { systemActor } from '../registry/repositories/audit-log.ts';
import { listTenantsToPurge } from '../registry/repositories/tenants.ts';
import type { TenantLifecycle } from './tenant-lifecycle.ts';

const batch = 100;

/** Destroys what was deleted and whose days of grace are over. @returns how many purges were begun. */
export async function purgeDueTenants(
  registry: RegistryDatabase,
  { purgeDueTenant }: Pick<TenantLifecycle, 'purgeDueTenant'>,
): Promise<number> {
  const listed = await listTenantsToPurge(registry, batch);
  let begun = 0;
  for (const { id } of listed) {
    const purged = await purgeDueTenant(id, {
      actor: systemActor,
      requestId: 'housekeeping',
      reason: 'the days of grace are over',
    });
    if (purged !== undefined) begun += 1;
  }
  return begun;
}
