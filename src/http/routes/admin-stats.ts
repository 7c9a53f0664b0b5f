import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { readTenantStatistics } from '../../registry/repositories/tenant-statistics.ts';
import { countWarmDatabases } from '../../registry/repositories/warm-databases.ts';
import { createSnapshot } from '../../registry/snapshot.ts';
import { success } from '../schemas.ts';

export type AdminStatsNeeds = {
  registry: RegistryDatabase;
  /** Jobs by state; null where the queue cannot be asked or there is none. */
  countJobs: () => Promise<Record<string, number> | null>;
  /** Tenant connections of this process. */
  poolStats: () => Record<string, unknown>;
};

const days = 30;
const counts = z.record(z.string(), z.number());
const answer = success(
  z.object({
    tenants: z.object({
      total: z.number().int(),
      needing_attention: z.number().int(),
      by_status: counts,
      by_plan: counts,
    }),
    /** Of the counts of tenants: with many of them they are some seconds old. */
    counted_at: z.iso.datetime(),
    registrations_per_day: z.array(z.object({ date: z.iso.date(), count: z.number().int() })),
    database_size_bytes: z.number().int().nullable(),
    warm_databases: z.array(
      z.object({
        server: z.string(),
        template: z.string(),
        ready: z.number().int(),
        warming: z.number().int(),
        retiring: z.number().int(),
      }),
    ),
    queue: counts.nullable(),
    connections: z.record(z.string(), z.unknown()),
  }),
);

/** The platform in figures. */
export function adminStatsRoutes({ registry, countJobs, poolStats }: AdminStatsNeeds): FastifyPluginAsyncZod {
  const readStatistics = createSnapshot(() => readTenantStatistics(registry, days));
  return async (api) => {
    api.get(
      '/api/admin/stats',
      {
        config: { access: 'operator-read' },
        schema: { tags: ['Admin'], summary: 'Figures of the platform', response: { 200: answer } },
      },
      async () => {
        const [{ value: statistics, takenAt }, warmDatabases, queue] = await Promise.all([
          readStatistics(),
          countWarmDatabases(registry),
          countJobs(),
        ]);
        const present = Object.values(statistics.byPlan).reduce((sum, count) => sum + count, 0);
        return {
          success: true as const,
          data: {
            tenants: {
              total: present,
              needing_attention: statistics.needingAttention,
              by_status: statistics.byStatus,
              by_plan: statistics.byPlan,
            },
            counted_at: takenAt.toISOString(),
            registrations_per_day: statistics.registrationsPerDay,
            database_size_bytes: statistics.databaseSizeBytes,
            warm_databases: warmDatabases,
            queue,
            connections: poolStats(),
          },
        };
      },
    );
  };
}
