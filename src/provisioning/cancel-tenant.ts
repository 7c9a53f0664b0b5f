import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { recordAudit } from '../registry/repositories/audit-log.ts';
import { insertOutbox } from '../registry/repositories/outbox.ts';
import { latestRun, type ProvisioningRun } from '../registry/repositories/provisioning-runs.ts';
import { requestCancellation } from '../registry/repositories/run-cancellations.ts';
import { findTenant, type Tenant } from '../registry/repositories/tenants.ts';
import type { ChangedTenant, ChangeRequest, Transition } from './tenant-transition.ts';

type Needs = {
  registry: RegistryDatabase;
  now: () => Date;
  afterCommit: (tenantId: string, generation: number) => void;
  changeState: (tenantId: string, request: ChangeRequest, transition: Transition) => Promise<ChangedTenant>;
};

/** What a tenant that is no longer, or not, being made is told instead. */
const instead = 'delete it, which can be taken back for some days';

/**
 * Stops the making of a tenant: whoever works on it takes everything back, and the tenant ends as `failed` with
 * the reason `cancelled`. Of a tenant that failed by itself nothing is to be stopped: it is purged, so that its
 * slug is free. Asking twice is asking once.
 * @returns the run in which it happens. @throws tenant_not_found, state_conflict
 */
export function createTenantCancellation({ registry, now, afterCommit, changeState }: Needs) {
  return async function cancelTenant(tenantId: string, request: ChangeRequest): Promise<ChangedTenant> {
    const found = await registry.transaction().execute((trx) => cancelRun(trx, tenantId, request));
    if (found.tenant.status === 'failed' && found.runId === null) {
      return changeState(tenantId, request, {
        done: 'cancelled',
        instead,
        from: ['failed'],
        change: { status: 'purging', statusReason: request.reason ?? null },
        run: 'purge',
        cancelRequestedAt: now(),
      });
    }
    if (found.runId === null) throw errors.stateConflict(found.tenant.status, 'cancelled', instead);
    afterCommit(tenantId, found.tenant.generation);
    return found;
  };
}

/** `runId` is null when there is no run that is cancelled, now or before. */
async function cancelRun(
  trx: RegistryTransaction,
  tenantId: string,
  { actor, requestId, reason }: ChangeRequest,
): Promise<ChangedTenant> {
  const run = await requestCancellation(trx, tenantId, reason ?? null);
  const tenant = await findTenant(trx, tenantId);
  if (tenant === undefined) throw errors.tenantNotFound();
  if (run === undefined) return { tenant, runId: await cancelledBefore(trx, tenant) };
  if (!run.isFirst) return { tenant, runId: run.id };
  await insertOutbox(trx, {
    topic: 'queue.run-provisioning',
    payload: { tenant_id: tenantId, generation: run.generation },
  });
  await recordAudit(trx, {
    actor,
    action: 'tenant.cancel_requested',
    tenantId,
    before: { status: tenant.status },
    ...(reason === undefined ? {} : { after: { reason } }),
    requestId,
  });
  return { tenant, runId: run.id };
}

/** The answer to an earlier request may have been lost, so that it is asked for again. */
async function cancelledBefore(trx: RegistryTransaction, tenant: Tenant): Promise<string | null> {
  const run = await latestRun(trx, tenant.id);
  return run !== undefined && isEndOfCancellation(tenant, run) ? run.id : null;
}

function isEndOfCancellation({ status }: Tenant, run: ProvisioningRun): boolean {
  if (run.cancelRequestedAt === null) return false;
  return status === 'failed' ? run.status === 'cancelled' : ['purging', 'deleted'].includes(status);
}
