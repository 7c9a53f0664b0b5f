import { sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';

export type TenantStatistics = {
  byStatus: Record<string, number>;
  /** Tenants that are there, in whatever state; tombstones do not count. */
  byPlan: Record<string, number>;
  /** Tenants of which a run could not be taken back. */
  needingAttention: number;
  /** UTC days, the oldest first, days without a registration included. */
  registrationsPerDay: { date: string; count: number }[];
  /** null while no size is known. */
  databaseSizeBytes: number | null;
};

export async function readTenantStatistics(
  executor: RegistryExecutor,
  days: number,
): Promise<TenantStatistics> {
  const [groups, needingAttention, registrationsPerDay] = await Promise.all([
    countByStatusAndPlan(executor),
    countNeedingAttention(executor),
    countRegistrations(executor, days),
  ]);
  const present = groups.filter(({ status }) => status !== 'deleted');
  return {
    byStatus: sumBy(groups, ({ status }) => status),
    byPlan: sumBy(present, ({ plan }) => plan),
    needingAttention,
    registrationsPerDay,
    databaseSizeBytes: sumKnown(present.map(({ size }) => size)),
  };
}

type Group = { status: string; plan: string; count: number; size: number | null };

async function countByStatusAndPlan(executor: RegistryExecutor): Promise<Group[]> {
  return executor
    .selectFrom('tenantRegistry')
    .select(['status', 'plan'])
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .select(sql<number | null>`sum(database_size_bytes)::bigint`.as('size'))
    .groupBy(['status', 'plan'])
    .orderBy('plan')
    .orderBy('status')
    .execute();
}

async function countNeedingAttention(executor: RegistryExecutor): Promise<number> {
  const { count } = await executor
    .selectFrom('provisioningRuns')
    .select(({ fn }) => fn.count<number>('tenantId').distinct().as('count'))
    .where('needsAttention', '=', true)
    .executeTakeFirstOrThrow();
  return count;
}

function sumKnown(sizes: readonly (number | null)[]): number | null {
  const known = sizes.filter((size) => size !== null);
  return known.length === 0 ? null : known.reduce((sum, size) => sum + size, 0);
}

async function countRegistrations(executor: RegistryExecutor, days: number) {
  const { rows } = await sql<{ date: string; count: number }>`
    SELECT to_char(day, 'YYYY-MM-DD') AS date, count(t.id)::int AS count
    FROM generate_series(
      date_trunc('day', now() AT TIME ZONE 'UTC') - (${days}::int - 1) * interval '1 day',
      date_trunc('day', now() AT TIME ZONE 'UTC'),
      interval '1 day'
    ) AS day
    LEFT JOIN tenant_registry t
      ON t.created_at >= day AT TIME ZONE 'UTC' AND t.created_at < (day + interval '1 day') AT TIME ZONE 'UTC'
    GROUP BY day ORDER BY day`.execute(executor);
  return rows;
}

function sumBy(groups: readonly Group[], keyOf: (group: Group) => string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const group of groups) sums[keyOf(group)] = (sums[keyOf(group)] ?? 0) + group.count;
  return sums;
}
