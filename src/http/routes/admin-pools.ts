import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { type ListedBudget, listBudgets } from '../../registry/repositories/connection-shares.ts';
import { listServers } from '../../registry/repositories/database-servers.ts';
import { type ListedProcess, listProcesses } from '../../registry/repositories/processes.ts';
import { success, timestamp, uuid } from '../schemas.ts';

/** Ten beats of a process: its figures are old, whether it is stopped, cut off or dead. */
const silentMs = 10_000;
const count = z.number().int();

/** What a process says of itself with every beat (`routing.stats`). */
const told = z.object({
  tenants: count,
  connections: count,
  leased: count,
  idle: count,
  opening: count,
  waiting: count,
  opened: count,
  evicted: z.object({ fairShare: count, budget: count }),
  budget: z.array(z.object({ server_id: z.string(), taken: count, allowance: count, demand: count })),
  cache: z.object({ hits: count, misses: count, tenants: count }),
});

const pools = z.object({
  /** With at least one connection. */
  tenants: count,
  connections: count,
  leased: count,
  idle: count,
  opening: count,
  waiting: count,
  opened: count,
  evicted_for_fairness: count,
  evicted_for_budget: count,
});
const processAnswer = z.object({
  id: uuid,
  role: z.enum(['api', 'worker']),
  host: z.string(),
  application_name: z.string(),
  started_at: timestamp,
  last_beat_at: timestamp,
  is_silent: z.boolean(),
  /** Null of a worker, and of a process that has not beaten yet. */
  pools: pools.nullable(),
  cache: z.object({ tenants: count, hits: count, misses: count, hit_rate: z.number().nullable() }).nullable(),
  shares: z.array(z.object({ server_id: uuid, taken: count, allowance: count, demand: count })),
});
const budgetAnswer = z.object({
  server_id: uuid,
  server: z.string(),
  total: count,
  /** Given out to processes, and what they would use now. */
  allowed: count,
  wanted: count,
  max_connections: count.nullable(),
  explanation: z.string(),
  looked_at: timestamp.nullable(),
});
const answer = success(
  z.object({
    totals: pools.extend({ processes: count, silent_processes: count, budget: count }),
    budgets: z.array(budgetAnswer),
    processes: z.array(processAnswer),
  }),
);

type Process = z.infer<typeof processAnswer>;

/** Connections to tenants' databases, over all processes. */
export function adminPoolsRoutes({ registry }: { registry: RegistryDatabase }): FastifyPluginAsyncZod {
  const schema = {
    tags: ['Admin'],
    summary: 'Connections to tenants’ databases: by process, with the budget of each server',
    response: { 200: answer },
  };
  return async (api) => {
    api.get('/api/admin/pools/stats', { config: { access: 'operator-read' }, schema }, async () => {
      const [rows, listed, servers] = await Promise.all([
        listProcesses(registry),
        listBudgets(registry),
        listServers(registry),
      ]);
      const names = new Map(servers.map(({ id, name }) => [id, name]));
      const processes = rows.map(toProcess);
      const budgets = listed.map((row) => toBudget(row, names.get(row.serverId) ?? row.serverId));
      const totals = {
        processes: processes.length,
        silent_processes: processes.filter((each) => each.is_silent).length,
        budget: budgets.reduce((sum, { total }) => sum + total, 0),
        ...sumPools(processes),
      };
      return { success: true as const, data: { totals, budgets, processes } };
    });
  };
}

function toProcess(row: ListedProcess): Process {
  const stats = told.safeParse(row.stats).data;
  return {
    id: row.id,
    role: row.role === 'api' ? 'api' : 'worker',
    host: row.host,
    application_name: row.applicationName,
    started_at: row.startedAt.toISOString(),
    last_beat_at: row.beatAt.toISOString(),
    is_silent: row.silentMs > silentMs,
    pools: stats === undefined ? null : poolsOf(stats),
    cache: stats === undefined ? null : cacheOf(stats.cache),
    shares: stats?.budget ?? [],
  };
}

function poolsOf({ evicted, budget: _, cache: __, ...counts }: z.infer<typeof told>) {
  return { ...counts, evicted_for_fairness: evicted.fairShare, evicted_for_budget: evicted.budget };
}

function cacheOf({ hits, misses, tenants }: z.infer<typeof told>['cache']) {
  return { tenants, hits, misses, hit_rate: hits + misses === 0 ? null : hits / (hits + misses) };
}

const poolKeys = Object.keys(pools.shape) as (keyof typeof pools.shape)[];

/** Of a tenant with connections in several processes, each counts it. */
function sumPools(processes: readonly Process[]): z.infer<typeof pools> {
  const sum = (key: keyof z.infer<typeof pools>) =>
    processes.reduce((total, each) => total + (each.pools?.[key] ?? 0), 0);
  return pools.parse(Object.fromEntries(poolKeys.map((key) => [key, sum(key)])));
}

function toBudget(row: ListedBudget, server: string): z.infer<typeof budgetAnswer> {
  return {
    server_id: row.serverId,
    server,
    total: row.total,
    allowed: row.allowed,
    wanted: row.wanted,
    max_connections: row.maxConnections,
    explanation: row.explanation,
    looked_at: row.lookedAt?.toISOString() ?? null,
  };
}
