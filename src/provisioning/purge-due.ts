import type { RegistryDatabase } from '../registry/registry-database.ts';
import { systemActor } from '../registry/repositories/audit-log.ts';
import { listTenantsToPurge } from '../registry/repositories/tenants.ts';
import type { TenantLifecycle } from './tenant-lifecycle.ts';

const batch = 100;

/** Destroys what was deleted and whose days of grace are over. @returns how many purges were begun. */
export async function purgeDueTenants(
  registry: RegistryDatabase,
  { purgeTenant }: Pick<TenantLifecycle, 'purgeTenant'>,
): Promise<number> {
  const due = await listTenantsToPurge(registry, batch);
  for (const { id } of due) {
    await purgeTenant(id, {
      actor: systemActor,
      requestId: 'housekeeping',
      reason: 'the days of grace are over',
    });
  }
  return due.length;
}
