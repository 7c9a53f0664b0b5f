import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { RunProgress } from '../provisioning/run-progress.ts';
import { success, timestamp, uuid } from './schemas.ts';

const runStatus = z.enum([
  'awaiting_verification',
  'pending',
  'processing',
  'completed',
  'failed',
  'cancelled',
]);
const runError = z.object({ code: z.string(), message: z.string() });

/** `202`: it goes on without the caller. */
export const runStarted = success(
  z.object({
    provisioning_id: uuid,
    status: runStatus,
    tenant_id: uuid,
    slug: z.string(),
    error: runError.optional(),
  }),
);

export const runProgress = z.object({
  status: runStatus,
  progress: z.number().int().min(0).max(100),
  current_step: z.string().nullable(),
  steps: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['running', 'done', 'failed', 'undone']),
      started_at: timestamp,
      finished_at: timestamp.nullable(),
    }),
  ),
  tenant_id: uuid,
  slug: z.string(),
  error: runError.optional(),
});

export function toRunProgress(progress: RunProgress): z.infer<typeof runProgress> {
  const { status, currentStep, steps, tenantId, slug, error } = progress;
  return {
    status,
    progress: progress.progress,
    current_step: currentStep,
    steps: steps.map((step) => ({
      name: step.name,
      status: step.status,
      started_at: step.startedAt.toISOString(),
      finished_at: step.finishedAt?.toISOString() ?? null,
    })),
    tenant_id: tenantId,
    slug,
    ...(error === undefined ? {} : { error }),
  };
}

export type StartedRun = {
  runId: string;
  tenantId: string;
  slug: string;
  /** What was started, as the message calls it. */
  work?: 'Provisioning' | 'Purge' | 'Cancellation';
};

/** The body of a `202`, with the `Location` of the progress. */
export function startRunAnswer(
  reply: FastifyReply,
  { runId, tenantId, slug, work = 'Provisioning' }: StartedRun,
  progress: RunProgress | undefined,
): z.infer<typeof runStarted> {
  reply.header('location', `/api/auth/provisioning-status/${runId}`);
  const hasFailed = progress?.status === 'failed';
  return {
    success: true,
    message: hasFailed ? `${work} failed` : `${work} started`,
    data: {
      provisioning_id: runId,
      status: progress?.status ?? 'pending',
      tenant_id: tenantId,
      slug,
      ...(hasFailed && progress.error !== undefined ? { error: progress.error } : {}),
    },
  };
}
