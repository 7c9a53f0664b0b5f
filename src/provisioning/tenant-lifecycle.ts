import { randomUUID } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { type Actor, recordAudit } from '../registry/repositories/audit-log.ts';
import { insertOutbox } from '../registry/repositories/outbox.ts';
import { cancelOpenRuns, insertRun } from '../registry/repositories/provisioning-runs.ts';
import {
  changeTenant,
  findTenant,
  type Tenant,
  type TenantChange,
} from '../registry/repositories/tenants.ts';
import type { RunKind, TenantStatus } from '../registry/tables.generated.ts';

/** Who asks for a change, and why. */
export type ChangeRequest = { actor: Actor; requestId: string; reason?: string };

type Transition = {
  /** As it stands in an error: "A tenant that is X cannot be <done>." */
  done: string;
  from: readonly TenantStatus[];
  change: TenantChange;
  /** Refused for a tenant whose database was never made. */
  needsDatabase?: true;
  run?: RunKind;
};

const dayMs = 86_400_000;
const reachable = ['active', 'suspended', 'read_only', 'maintenance', 'frozen'] as const;

type Needs = {
  registry: RegistryDatabase;
  now: () => Date;
  /** Called after a commit that left something to do. */
  afterCommit: (tenantId: string, generation: number) => void;
};

/**
 * What operators do to a tenant's state. Each is a compare-and-set in one transaction with audit, message and,
 * where there is work to do, the run that does it.
 * @throws tenant_not_found, state_conflict
 */
export function createTenantLifecycle(needs: Needs) {
  const { now } = needs;
  const change = (tenantId: string, request: ChangeRequest, transition: Transition) =>
    changeState(needs, { tenantId, request, transition });

  return {
    suspendTenant: (tenantId: string, request: ChangeRequest) =>
      change(tenantId, request, {
        done: 'suspended',
        from: ['active', 'read_only', 'maintenance', 'frozen'],
        change: { status: 'suspended', suspendedAt: now(), statusReason: request.reason ?? null },
      }),

    /** Also takes back a deletion, as long as nothing is destroyed. */
    activateTenant: (tenantId: string, request: ChangeRequest) =>
      change(tenantId, request, {
        done: 'activated',
        from: ['suspended', 'read_only', 'maintenance', 'deleting'],
        needsDatabase: true,
        change: {
          status: 'active',
          suspendedAt: null,
          deletingAt: null,
          purgeAfter: null,
          statusReason: null,
        },
      }),

    /** Refused from now on, kept for `graceDays`. */
    deleteTenant: (tenantId: string, request: ChangeRequest & { graceDays: number }) =>
      change(tenantId, request, {
        done: 'deleted',
        from: [...reachable, 'failed'],
        change: {
          status: 'deleting',
          deletingAt: now(),
          purgeAfter: new Date(now().getTime() + request.graceDays * dayMs),
          statusReason: request.reason ?? null,
        },
      }),

    /** Destroys database and roles now. */
    purgeTenant: (tenantId: string, request: ChangeRequest) =>
      change(tenantId, request, {
        done: 'purged',
        // Also what is under way or got stuck: the run that is at it is fenced off and ends as cancelled.
        from: [...reachable, 'requested', 'provisioning', 'failed', 'deleting', 'purging'],
        change: { status: 'purging', statusReason: request.reason ?? null },
        run: 'purge',
      }),

    /** Starts a failed provisioning anew. */
    retryTenant: (tenantId: string, request: ChangeRequest) =>
      change(tenantId, request, {
        done: 'retried',
        from: ['failed'],
        change: { status: 'requested', failedAt: null, statusReason: null },
        run: 'provision',
      }),
  };
}

export type TenantLifecycle = ReturnType<typeof createTenantLifecycle>;

type Ask = { tenantId: string; request: ChangeRequest; transition: Transition };

async function changeState(needs: Needs, ask: Ask): Promise<{ tenant: Tenant; runId: string | null }> {
  const result = await needs.registry.transaction().execute((trx) => changeWithin(trx, ask));
  if (result.runId !== null) needs.afterCommit(result.tenant.id, result.tenant.generation);
  return result;
}

async function changeWithin(trx: RegistryTransaction, { tenantId, request, transition }: Ask) {
  const before = await findTenant(trx, tenantId);
  if (before === undefined) throw errors.tenantNotFound();
  const lacksDatabase = transition.needsDatabase === true && before.databaseName === null;
  const isRefused = lacksDatabase || !transition.from.includes(before.status);
  const tenant = isRefused ? undefined : await apply(trx, before, transition);
  if (tenant === undefined) throw errors.stateConflict(before.status, transition.done);
  const runId =
    transition.run === undefined ? null : await startRun(trx, tenant, { kind: transition.run, request });
  await recordAudit(trx, {
    actor: request.actor,
    action: `tenant.${transition.done}`,
    tenantId,
    before: { status: before.status },
    after: { status: tenant.status, ...(request.reason === undefined ? {} : { reason: request.reason }) },
    requestId: request.requestId,
  });
  await publish(trx, { kind: 'tenant.changed', tenantId, slug: tenant.slug });
  return { tenant, runId };
}

/** A new run is a new generation, so that a worker of the one before can no longer write. */
async function apply(
  trx: RegistryTransaction,
  before: Tenant,
  { change, run }: Transition,
): Promise<Tenant | undefined> {
  const generation = run === undefined ? before.generation : before.generation + 1;
  return changeTenant(
    trx,
    { id: before.id, generation: before.generation, status: [before.status] },
    { ...change, generation },
  );
}

async function startRun(
  trx: RegistryTransaction,
  { id: tenantId, generation }: Tenant,
  { kind, request }: { kind: RunKind; request: ChangeRequest },
): Promise<string> {
  const runId = randomUUID();
  await cancelOpenRuns(trx, tenantId);
  await insertRun(trx, { id: runId, tenantId, generation, kind, requestId: request.requestId });
  await insertOutbox(trx, { topic: 'queue.run-provisioning', payload: { tenant_id: tenantId, generation } });
  return runId;
}
