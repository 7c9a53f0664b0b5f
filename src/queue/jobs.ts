import { z } from 'zod';

/** Payloads say only which row to look at: the registry is the truth, and whoever reads Redis reads them. */
export type JobPayloads = {
  'run-provisioning': { tenant_id: string; generation: number };
  'run-task': { task_id: string };
};

export type JobName = keyof JobPayloads;

type JobDefinitions = {
  [Name in JobName]: {
    payload: z.ZodType<JobPayloads[Name]>;
    /** What the job is about, in its id: at least one letter, and no `:`. */
    subject: (payload: JobPayloads[Name]) => string;
  };
};

/** Every job by its name, which is also the name of its queue. */
export const jobs: JobDefinitions = {
  'run-provisioning': {
    payload: z.strictObject({ tenant_id: z.uuid(), generation: z.int().nonnegative() }),
    subject: ({ tenant_id, generation }) => `${tenant_id}-${generation}`,
  },
  'run-task': {
    payload: z.strictObject({ task_id: z.uuid() }),
    subject: ({ task_id }) => `task-${task_id}`,
  },
};

/**
 * The id of one ring of the bell. BullMQ ignores an id that still exists, even of a failed job, so whoever
 * rings again for the same thing counts up; it refuses `:` and ids of digits only.
 */
export function jobId<Name extends JobName>(name: Name, payload: JobPayloads[Name], ring: number): string {
  return `${jobs[name].subject(payload)}-${ring}`;
}
