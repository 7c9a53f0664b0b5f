import type { Messages } from '../registry/messages.ts';
import { createTenantAmendments } from './amend-tenant.ts';
import { createTenantRequests } from './request-tenant.ts';
import { createRunProgress } from './run-progress.ts';
import { createTenantLifecycle } from './tenant-lifecycle.ts';
import type { RequestTenantNeeds } from './tenant-request.ts';

export type ProvisioningNeeds = RequestTenantNeeds & { messages: Pick<Messages, 'on'>; now: () => Date };

/** What every process may ask of provisioning; the work itself is `createRunner`'s. */
export function createProvisioning(needs: ProvisioningNeeds) {
  return {
    requestTenant: createTenantRequests(needs),
    ...createRunProgress(needs),
    ...createTenantLifecycle(needs),
    amendTenant: createTenantAmendments(needs),
  };
}

export type Provisioning = ReturnType<typeof createProvisioning>;
