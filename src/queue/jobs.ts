import { z } from 'zod';

/**
 * Every job by its name, which is also the name of its queue. Payloads say only which row to look at: the
 * registry is the truth, and what lies in Redis is readable by whoever reads Redis.
 */
export const jobs = {
  'run-provisioning': {
    payload: z.strictObject({ tenant_id: z.uuid(), generation: z.int().nonnegative() }),
  },
} as const;

export type RunProvisioningPayload = z.infer<(typeof jobs)['run-provisioning']['payload']>;

/**
 * The id of one ring of the bell. BullMQ ignores an id that still exists, even of a failed job, so whoever
 * rings again for the same run counts up; it refuses `:` and ids of digits only.
 */
export function provisioningJobId({ tenant_id, generation }: RunProvisioningPayload, ring: number): string {
  return `${tenant_id}-${generation}-${ring}`;
}
