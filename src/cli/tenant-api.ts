import { z } from 'zod';
import { type Ask, preference } from './ask.ts';
import { job } from './job-api.ts';

const path = '/api/admin/tenants';
const pathOf = (key: string) => `${path}/${encodeURIComponent(key)}`;

const user = z.looseObject({
  id: z.string(),
  email: z.string(),
  name: z.string().nullish(),
  role: z.string(),
  joined_at: z.string().nullish(),
});
export type TenantUser = z.infer<typeof user>;

const outcome = z.looseObject({
  index: z.number(),
  outcome: z.enum(['accepted', 'refused']),
  slug: z.string().optional(),
  error: z
    .looseObject({
      code: z.string(),
      message: z.string(),
      errors: z.array(z.looseObject({ path: z.string(), message: z.string() })).optional(),
    })
    .optional(),
});
export type BulkOutcome = z.infer<typeof outcome>;

const changed = z.looseObject({ slug: z.string(), status: z.string() });
export const rotated = z.looseObject({ slug: z.string(), rotated_at: z.string() });
const started = z.looseObject({ job_id: z.string() });

const counts = z.looseObject({ connections: z.number(), waiting: z.number() });
const poolStats = z.looseObject({
  totals: counts.extend({ processes: z.number(), silent_processes: z.number(), budget: z.number() }),
  budgets: z.array(
    z.looseObject({
      server: z.string(),
      total: z.number(),
      allowed: z.number(),
      wanted: z.number(),
      explanation: z.string(),
    }),
  ),
  processes: z.array(
    z.looseObject({
      role: z.string(),
      host: z.string(),
      application_name: z.string(),
      last_beat_at: z.string(),
      is_silent: z.boolean(),
      pools: z
        .looseObject({
          tenants: z.number(),
          connections: z.number(),
          leased: z.number(),
          idle: z.number(),
          waiting: z.number(),
          evicted_for_fairness: z.number(),
          evicted_for_budget: z.number(),
        })
        .nullish(),
      cache: z.looseObject({ hit_rate: z.number().nullish() }).nullish(),
    }),
  ),
});
export type PoolStats = z.infer<typeof poolStats>;

type Reasoned = { reason?: string };

/** What is asked of single tenants beside their state, and of many at once. */
export function createTenantCalls(ask: Ask) {
  return {
    amendTenant: (key: string, body: Record<string, unknown>) =>
      ask({ method: 'PATCH', path: pathOf(key), body }, changed),
    /** Done when it ended within the wait, else the job that is at it. */
    rotateCredentials: (key: string, body: Reasoned, waitSeconds: number) =>
      ask(
        {
          method: 'POST',
          path: `${pathOf(key)}/rotate-credentials`,
          body,
          headers: { prefer: preference(waitSeconds) },
        },
        z.union([rotated, started]),
      ),
    /** Of all tenants where none is named. */
    clearCache: (key: string | undefined, body: Reasoned) =>
      ask(
        {
          method: 'POST',
          path: key === undefined ? '/api/admin/caches/clear' : `${pathOf(key)}/clear-cache`,
          body,
        },
        z.looseObject({ cleared: z.string() }),
      ),
    async listUsers(key: string, query: Record<string, string>) {
      const answer = await ask({ method: 'GET', path: `${pathOf(key)}/users`, query }, z.array(user));
      return { ...answer, nextCursor: answer.page?.next_cursor ?? null };
    },
    listJobsOf: (key: string, query: Record<string, string>) =>
      ask({ method: 'GET', path: `${pathOf(key)}/jobs`, query }, z.array(job)),
    createMany: (tenants: readonly unknown[], key: string) =>
      ask(
        { method: 'POST', path: `${path}/bulk`, body: { tenants }, headers: { 'idempotency-key': key } },
        z.looseObject({ results: z.array(outcome) }),
      ),
    readPools: () => ask({ method: 'GET', path: '/api/admin/pools/stats' }, poolStats),
  };
}
