import type { JobPayloads } from '../queue/jobs.ts';

export type TaskJobOptions = {
  /** Works in the context of the request that asked for the task. */
  runTask: (taskId: string, signal: AbortSignal) => Promise<void>;
};

/** Payload in, feature call out. */
export function createTaskJob({ runTask }: TaskJobOptions) {
  return ({ task_id }: JobPayloads['run-task'], { signal }: { signal: AbortSignal }): Promise<void> =>
    runTask(task_id, signal);
}
