import type { RegistryExecutor } from '../registry-database.ts';

export type FirstAdmin = { userId: string; email: string; passwordHash: string };

/** Who registered the tenant; undefined when nobody is its ADMIN. */
export async function findFirstAdmin(
  executor: RegistryExecutor,
  tenantId: string,
): Promise<FirstAdmin | undefined> {
  return executor
    .selectFrom('tenantMembers as m')
    .innerJoin('globalUsers as u', 'u.id', 'm.userId')
    .select(['u.id as userId', 'u.email', 'u.passwordHash'])
    .where('m.tenantId', '=', tenantId)
    .where('m.role', '=', 'ADMIN')
    .orderBy('m.createdAt')
    .orderBy('u.id')
    .limit(1)
    .executeTakeFirst();
}
