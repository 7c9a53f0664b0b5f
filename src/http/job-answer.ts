import { z } from 'zod';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import type { Job } from '../registry/repositories/job-list.ts';
import { findRun, listSteps } from '../registry/repositories/provisioning-runs.ts';
import { findTask } from '../registry/repositories/tasks.ts';
import { timestamp, uuid } from './schemas.ts';
import { errorOf, jobError, jobStatus } from './task-answers.ts';

const item = {
  id: uuid,
  kind: z.string(),
  status: jobStatus,
  tenant_id: uuid.nullable(),
  slug: z.string().nullable(),
  progress: z.number().int().nullable(),
  current_step: z.string().nullable(),
  attempts: z.number().int(),
  needs_attention: z.boolean(),
  error: jobError.nullable(),
  requested_by: z.string().nullable(),
  request_id: z.string().nullable(),
  created_at: timestamp,
  started_at: timestamp.nullable(),
  finished_at: timestamp.nullable(),
};
export const jobItem = z.object(item);

const step = z.object({
  name: z.string(),
  status: z.enum(['running', 'done', 'failed', 'undone']),
  attempts: z.number().int(),
  started_at: timestamp,
  finished_at: timestamp.nullable(),
});

export const jobDetail = z.object({
  ...item,
  /** Of a task: what was asked, and what came of it. */
  parameters: z.unknown().optional(),
  result: z.unknown().optional(),
  /** Of a run: which way it went, and how far. */
  way: z.enum(['warm', 'clone', 'build']).nullable().optional(),
  steps: z.array(step).optional(),
});

export function toJobItem(job: Job): z.infer<typeof jobItem> {
  return {
    id: job.id,
    kind: job.kind,
    status: job.status,
    tenant_id: job.tenantId,
    slug: job.slug,
    progress: job.progress,
    current_step: job.currentStep,
    attempts: job.attempts,
    needs_attention: job.needsAttention,
    error: errorOf(job) ?? null,
    requested_by: job.requestedBy,
    request_id: job.requestId,
    created_at: job.createdAt.toISOString(),
    started_at: job.startedAt?.toISOString() ?? null,
    finished_at: job.finishedAt?.toISOString() ?? null,
  };
}

export async function readJobDetail(
  registry: RegistryDatabase,
  job: Job,
): Promise<z.infer<typeof jobDetail>> {
  if (job.tenantId === null) {
    const task = await findTask(registry, job.id);
    return { ...toJobItem(job), parameters: task?.parameters, result: task?.result };
  }
  const [run, steps] = await Promise.all([findRun(registry, job.id), listSteps(registry, job.id)]);
  return {
    ...toJobItem(job),
    way: run?.way ?? null,
    steps: steps.map(({ name, status, attempts, startedAt, finishedAt }) => ({
      name,
      status,
      attempts,
      started_at: startedAt.toISOString(),
      finished_at: finishedAt?.toISOString() ?? null,
    })),
  };
}
