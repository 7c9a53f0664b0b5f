import { sql } from 'kysely';
import type { RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
import type { Json, TenantStatus } from '../tables.generated.ts';

/** A tenant as its own members see it. */
export type TenantProfile = {
  id: string;
  slug: string;
  name: string;
  status: TenantStatus;
  plan: string;
  region: string;
  createdAt: Date;
  features: Json;
  seatLimit: number | null;
  seatsUsed: number;
  databaseSizeBytes: number | null;
  settings: Json;
};

export async function findProfile(
  executor: RegistryExecutor,
  tenantId: string,
): Promise<TenantProfile | undefined> {
  return executor
    .selectFrom('tenantRegistry as t')
    .innerJoin('plans as p', 'p.key', 't.plan')
    .leftJoin('tenantSettings as s', 's.tenantId', 't.id')
    .where('t.id', '=', tenantId)
    .select([
      't.id',
      't.slug',
      't.name',
      't.status',
      't.plan',
      't.region',
      't.createdAt',
      't.databaseSizeBytes',
    ])
    .select(['p.features', 'p.seats as seatLimit'])
    .select(sql<Json>`coalesce(s.settings, '{}')`.as('settings'))
    .select((select) =>
      select
        .selectFrom('tenantMembers as m')
        .whereRef('m.tenantId', '=', 't.id')
        .select((members) => members.fn.countAll<number>().as('members'))
        .$asScalar()
        .$notNull()
        .as('seatsUsed'),
    )
    .executeTakeFirst();
}

export type EditableProfile = { name: string; settings: object };

/** What may be edited, locked until the transaction ends. */
export async function lockProfile(
  trx: RegistryTransaction,
  tenantId: string,
): Promise<(EditableProfile & { slug: string }) | undefined> {
  const tenant = await trx
    .selectFrom('tenantRegistry')
    .where('id', '=', tenantId)
    .select(['name', 'slug'])
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (tenant === undefined) return undefined;
  const row = await trx
    .selectFrom('tenantSettings')
    .where('tenantId', '=', tenantId)
    .select('settings')
    .executeTakeFirst();
  return { ...tenant, settings: Object(row?.settings) };
}

export async function writeProfile(
  trx: RegistryTransaction,
  tenantId: string,
  { name, settings }: EditableProfile,
): Promise<void> {
  await trx.updateTable('tenantRegistry').set({ name }).where('id', '=', tenantId).execute();
  const json = JSON.stringify(settings);
  await trx
    .insertInto('tenantSettings')
    .values({ tenantId, settings: json })
    .onConflict((conflict) =>
      conflict.column('tenantId').doUpdateSet({ settings: json, updatedAt: sql`now()` }),
    )
    .execute();
}
