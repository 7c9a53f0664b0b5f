import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Task } from '../registry/repositories/tasks.ts';
import { waitAsPreferredFor } from './preferred-wait.ts';
import { success, uuid } from './schemas.ts';

export const jobStatus = z.enum(['pending', 'processing', 'completed', 'failed', 'cancelled']);
export const jobError = z.object({ code: z.string(), message: z.string() });

/** `202`: it goes on without the caller, or it has failed; the job says more. */
export const taskStarted = success(z.object({ job_id: uuid, status: jobStatus, error: jobError.optional() }));

export type TaskWaitingNeeds = {
  waitForTask: (id: string, waitMs: number, signal?: AbortSignal) => Promise<Task | undefined>;
};

type Asked = { request: FastifyRequest; reply: FastifyReply; taskId: string };

/** How long a caller waits who wishes nothing. */
const usualMs = 10_000;

/**
 * Waits for a task as long as the caller prefers.
 * @param read what the task's result is to the caller, as the answer's `data`
 * @returns the body of a `200` with the result; else that of a `202` with `Location`, with which the reply is set.
 */
export async function answerTask<Data>(
  { waitForTask }: TaskWaitingNeeds,
  { request, reply, taskId }: Asked,
  read: (result: unknown) => Data,
): Promise<{ success: true; data: Data } | z.infer<typeof taskStarted>> {
  const wait = (waitMs: number, signal: AbortSignal) => waitForTask(taskId, waitMs, signal);
  const task = await waitAsPreferredFor(wait, { request, reply, usualMs });
  if (task?.status === 'completed') return { success: true, data: read(task.result) };
  reply.code(202).header('location', `/api/admin/jobs/${taskId}`);
  return startedAnswer(taskId, task);
}

function startedAnswer(taskId: string, task: Task | undefined): z.infer<typeof taskStarted> {
  const status = task?.status ?? 'pending';
  const error = task === undefined ? undefined : errorOf(task);
  return {
    success: true,
    message: status === 'failed' ? 'The job failed' : 'The job was started',
    data: { job_id: taskId, status, ...(error && { error }) },
  };
}

/** Why it failed, or what is in its way. */
export function errorOf({
  errorCode,
  errorDetail,
}: Pick<Task, 'errorCode' | 'errorDetail'>): z.infer<typeof jobError> | undefined {
  if (errorCode === null) return undefined;
  return { code: errorCode, message: errorDetail ?? '' };
}
