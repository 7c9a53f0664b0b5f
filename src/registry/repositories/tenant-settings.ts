import type { RegistryExecutor } from '../registry-database.ts';

/** The two rows that every tenant has from its first moment. */
export async function insertTenantSettings(executor: RegistryExecutor, tenantId: string): Promise<void> {
  await executor.insertInto('tenantSettings').values({ tenantId }).execute();
  await executor.insertInto('tenantUsage').values({ tenantId, users: 1 }).execute();
}
