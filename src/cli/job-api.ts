import { z } from 'zod';
import type { Ask } from './ask.ts';

/** As `GET /api/admin/jobs` shows it; members that this program does not know stay. */
export const job = z.looseObject({
  id: z.string(),
  kind: z.string(),
  status: z.string(),
  slug: z.string().nullish(),
  progress: z.number().nullish(),
  current_step: z.string().nullish(),
  attempts: z.number().nullish(),
  needs_attention: z.boolean().nullish(),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
  requested_by: z.string().nullish(),
  created_at: z.string(),
  started_at: z.string().nullish(),
  finished_at: z.string().nullish(),
  steps: z
    .array(z.looseObject({ name: z.string(), status: z.string(), started_at: z.string().nullish() }))
    .nullish(),
  parameters: z.unknown().optional(),
  result: z.unknown().optional(),
});
export type ListedJob = z.infer<typeof job>;

const path = '/api/admin/jobs';
const pathOf = (id: string) => `${path}/${encodeURIComponent(id)}`;

export function createJobCalls(ask: Ask) {
  return {
    async listJobs(query: Record<string, string>) {
      const answer = await ask({ method: 'GET', path, query }, z.array(job));
      return { ...answer, nextCursor: answer.page?.next_cursor ?? null };
    },
    findJob: (id: string) => ask({ method: 'GET', path: pathOf(id) }, job),
    actOnJob: (id: string, action: 'retry' | 'cancel') =>
      ask({ method: 'POST', path: `${pathOf(id)}/${action}` }, job),
  };
}
