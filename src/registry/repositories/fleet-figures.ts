import { sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';

export type TenantGroup = { status: string; region: string; plan: string; count: number };

export async function countTenantsByGroup(executor: RegistryExecutor): Promise<TenantGroup[]> {
  return executor
    .selectFrom('tenantRegistry')
    .select(['status', 'region', 'plan'])
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .groupBy(['status', 'region', 'plan'])
    .execute();
}

/** People who logged in within the last 24 hours. */
export async function countActiveUsers(executor: RegistryExecutor): Promise<number> {
  const { count } = await executor
    .selectFrom('globalUsers')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('lastLoginAt', '>', sql<Date>`now() - interval '24 hours'`)
    .executeTakeFirstOrThrow();
  return count;
}

/** So many active tenants of the plan have so many of its seats taken. */
export type SeatGroup = { plan: string; seats: number; members: number; tenants: number };

export async function countTenantsBySeats(executor: RegistryExecutor): Promise<SeatGroup[]> {
  const { rows } = await sql<SeatGroup>`
    SELECT plan, seats, members, count(*) AS tenants
      FROM (SELECT t.plan, p.seats, count(m.user_id) AS members
              FROM tenant_registry t
              JOIN plans p ON p.key = t.plan AND p.seats IS NOT NULL
              LEFT JOIN tenant_members m ON m.tenant_id = t.id
             WHERE t.status = 'active'
             GROUP BY t.id, t.plan, p.seats) tenant
     GROUP BY plan, seats, members`.execute(executor);
  return rows;
}

export async function listBudgetTotals(
  executor: RegistryExecutor,
): Promise<{ server: string; total: number }[]> {
  return executor
    .selectFrom('connectionBudgets')
    .innerJoin('databaseServers', 'databaseServers.id', 'connectionBudgets.serverId')
    .select(['databaseServers.name as server', 'connectionBudgets.total'])
    .execute();
}

/** For how long the oldest due work has been waiting for somebody to take it; 0 where nothing waits. */
export async function readOldestWork(
  executor: RegistryExecutor,
): Promise<{ queue: string; ageSeconds: number }[]> {
  const { rows } = await sql<{ queue: string; ageSeconds: number }>`
    SELECT 'run-provisioning' AS queue, ${ageOfOldest} AS age_seconds
      FROM provisioning_runs WHERE status IN ('pending', 'processing') AND owner IS NULL AND not_before <= now()
    UNION ALL
    SELECT 'run-task', ${ageOfOldest}
      FROM tasks WHERE status IN ('pending', 'processing') AND owner IS NULL AND not_before <= now()`.execute(
    executor,
  );
  return rows;
}

const ageOfOldest = sql`coalesce(extract(epoch FROM now() - min(not_before)), 0)::float8`;

/** `kind`: whom the rows are for, the queue or those who subscribe to events. */
export type OutboxBacklog = { kind: string; pending: number; oldestSeconds: number };

export async function readOutboxBacklog(executor: RegistryExecutor): Promise<OutboxBacklog[]> {
  const { rows } = await sql<OutboxBacklog>`
    SELECT split_part(topic, '.', 1) AS kind, count(*) AS pending,
           extract(epoch FROM now() - min(created_at))::float8 AS oldest_seconds
      FROM outbox WHERE delivered_at IS NULL GROUP BY 1`.execute(executor);
  return rows;
}
