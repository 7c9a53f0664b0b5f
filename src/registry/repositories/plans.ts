import type { Selectable } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { Plans } from '../tables.generated.ts';

export type Plan = Selectable<Plans>;

export async function listPlans(executor: RegistryExecutor): Promise<Plan[]> {
  return executor.selectFrom('plans').selectAll().orderBy('position').execute();
}
