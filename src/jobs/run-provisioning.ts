import type { RunProvisioningPayload } from '../queue/jobs.ts';
import { runInContext } from '../telemetry/request-context.ts';

export type ProvisioningJobOptions = {
  runProvisioning: (tenantId: string, generation: number, signal: AbortSignal) => Promise<void>;
  /** The id of the request that caused the run; undefined when there is none, or no such run any more. */
  readRequestId: (tenantId: string, generation: number) => Promise<string | undefined>;
};

/** Payload in, feature call out, in the context of the request that caused the run. */
export function createProvisioningJob({ runProvisioning, readRequestId }: ProvisioningJobOptions) {
  return async (
    { tenant_id: tenantId, generation }: RunProvisioningPayload,
    { jobId, signal }: { jobId: string; signal: AbortSignal },
  ): Promise<void> => {
    const requestId = (await readRequestId(tenantId, generation)) ?? jobId;
    await runInContext({ requestId, tenantId }, () => runProvisioning(tenantId, generation, signal));
  };
}
