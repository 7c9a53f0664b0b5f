import { z } from 'zod';
import type { OpenRun } from '../registry/repositories/run-progress.ts';
import { timestamp, uuid } from './schemas.ts';
import { errorOf, jobError } from './task-answers.ts';
import { tenantDetail } from './tenant-answer.ts';

/** What is being done with a tenant at this moment, and what is in its way. */
const work = z.object({
  job_id: uuid,
  kind: z.enum(['tenant.provision', 'tenant.purge']),
  status: z.enum(['pending', 'processing']),
  /** What was begun is being taken back. */
  is_being_cancelled: z.boolean(),
  progress: z.number().int(),
  current_step: z.string().nullable(),
  attempts: z.number().int(),
  error: jobError.nullable(),
  next_attempt_at: timestamp,
});

export const tenantWithWork = tenantDetail.extend({ work: work.nullable() });

export function toWork(run: OpenRun | undefined): z.infer<typeof work> | null {
  if (run === undefined) return null;
  return {
    job_id: run.id,
    kind: `tenant.${run.kind}`,
    status: run.status === 'pending' ? 'pending' : 'processing',
    is_being_cancelled: run.isCancelling,
    progress: run.progress,
    current_step: run.currentStep,
    attempts: run.attempts,
    error: errorOf(run) ?? null,
    next_attempt_at: run.notBefore.toISOString(),
  };
}
