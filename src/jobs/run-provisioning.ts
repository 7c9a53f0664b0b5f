import type { JobPayloads } from '../queue/jobs.ts';

export type ProvisioningJobOptions = {
  /** Works in the context of the request that caused the run. */
  runProvisioning: (tenantId: string, generation: number, signal: AbortSignal) => Promise<void>;
};

/** Payload in, feature call out. */
export function createProvisioningJob({ runProvisioning }: ProvisioningJobOptions) {
  return (
    { tenant_id, generation }: JobPayloads['run-provisioning'],
    { signal }: { signal: AbortSignal },
  ): Promise<void> => runProvisioning(tenant_id, generation, signal);
}
