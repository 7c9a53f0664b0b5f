import { randomUUID } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { recordAudit } from '../registry/repositories/audit-log.ts';
import { insertOutbox } from '../registry/repositories/outbox.ts';
import { cancelOpenRuns, insertRun, latestRun } from '../registry/repositories/provisioning-runs.ts';
import { clearAttention } from '../registry/repositories/run-cancellations.ts';
import { lockTenant, lockTenantToPurge } from '../registry/repositories/tenant-locks.ts';
import { changeTenant, type Tenant } from '../registry/repositories/tenants.ts';
import type { RunKind } from '../registry/tables.generated.ts';
import { createTenantCancellation } from './cancel-tenant.ts';
import type { ChangedTenant, ChangeRequest, Transition, TransitionOf } from './tenant-transition.ts';

const dayMs = 86_400_000;
const reachable = ['active', 'suspended', 'read_only', 'maintenance', 'frozen'] as const;
/** Also what is under way or got stuck: the run that is at it is fenced off and ends as cancelled. */
const purgeable = [...reachable, 'requested', 'provisioning', 'failed', 'deleting', 'purging'] as const;

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
  const change = (tenantId: string, request: ChangeRequest, transition: Transition | TransitionOf) =>
    changeWithin(needs, (trx) => changeLocked(trx, { tenantId, request, transition }));

  return {
    suspendTenant: (tenantId: string, request: ChangeRequest) =>
      change(tenantId, request, {
        done: 'suspended',
        from: ['active', 'read_only', 'maintenance', 'frozen'],
        change: { status: 'suspended', suspendedAt: now(), statusReason: request.reason ?? null },
      }),

    /** Refused with 503 until it is activated; its connections are closed. */
    putIntoMaintenance: (tenantId: string, request: ChangeRequest) =>
      change(tenantId, request, {
        done: 'put into maintenance',
        from: ['active', 'read_only'],
        change: { status: 'maintenance', statusReason: request.reason ?? null },
      }),

    /** Reads are answered, writes refused, until it is activated. */
    makeReadOnly: (tenantId: string, request: ChangeRequest) =>
      change(tenantId, request, {
        done: 'made read-only',
        from: ['active', 'maintenance'],
        change: { status: 'read_only', statusReason: request.reason ?? null },
      }),

    /** Also from a deletion of what was in use before it; `undeleteTenant` brings back what it was. */
    activateTenant: (tenantId: string, request: ChangeRequest) => change(tenantId, request, activationOf),

    /** Refused from now on, kept for `graceDays`. */
    deleteTenant: (tenantId: string, request: ChangeRequest & { graceDays: number }) =>
      change(tenantId, request, (_trx, before) => ({
        done: 'deleted',
        from: [...reachable, 'failed'],
        change: {
          status: 'deleting',
          deletingAt: now(),
          purgeAfter: new Date(now().getTime() + request.graceDays * dayMs),
          statusReason: request.reason ?? null,
          statusBeforeDeletion: before.status,
          reasonBeforeDeletion: before.statusReason,
        },
      })),

    /** Takes a deletion back: the tenant is what it was before, with the reason that it had. */
    undeleteTenant: (tenantId: string, request: ChangeRequest) =>
      change(tenantId, request, (_trx, before) => ({
        done: 'undeleted',
        from: before.statusBeforeDeletion === null ? [] : ['deleting'],
        change: {
          status: before.statusBeforeDeletion ?? before.status,
          statusReason: before.reasonBeforeDeletion,
          ...notDeleted,
        },
      })),

    /** Destroys database and roles now. */
    purgeTenant: (tenantId: string, request: ChangeRequest) =>
      change(tenantId, request, purgeOf(request, purgeable)),

    /**
     * Destroys what was deleted, if its days of grace are over now.
     * @returns undefined when they are not: it was undeleted since it was found, or another process was first.
     */
    purgeDueTenant: (tenantId: string, request: ChangeRequest) =>
      changeWithin(needs, async (trx) =>
        (await lockTenantToPurge(trx, tenantId))
          ? changeLocked(trx, { tenantId, request, transition: purgeOf(request, ['deleting']) })
          : undefined,
      ),

    /** Starts anew what failed: the provisioning, or the purge. */
    retryTenant: (tenantId: string, request: ChangeRequest) => change(tenantId, request, retryOf),

    /** Takes up again what has lost its run. Only the reconciler finds such a tenant. */
    resumeTenant: (tenantId: string, request: ChangeRequest) => change(tenantId, request, resumptionOf),

    cancelTenant: createTenantCancellation({ ...needs, changeState: change }),
  };
}

function activationOf(_trx: RegistryTransaction, before: Tenant): Transition {
  const usual = ['suspended', 'read_only', 'maintenance'] as const;
  const isDeleted = before.status === 'deleting';
  return {
    done: 'activated',
    // What failed may have left anything under the tenant's names; what was in use was finished once.
    from: reachable.some((status) => status === before.statusBeforeDeletion) ? [...usual, 'deleting'] : usual,
    ...(isDeleted && { instead: 'undelete it, then retry it, for its database was never finished' }),
    change: { status: 'active', suspendedAt: null, statusReason: null, ...notDeleted },
  };
}

function purgeOf({ reason }: ChangeRequest, from: Transition['from']): Transition {
  return {
    done: 'purged',
    from,
    change: { status: 'purging', statusReason: reason ?? null },
    run: 'purge',
  };
}

function resumptionOf(_trx: RegistryTransaction, { status }: Tenant): Transition {
  return {
    done: 'resumed',
    from: ['requested', 'provisioning', 'purging'],
    change: { status: status === 'purging' ? 'purging' : 'requested' },
    run: status === 'purging' ? 'purge' : 'provision',
  };
}

const notDeleted = {
  deletingAt: null,
  purgeAfter: null,
  statusBeforeDeletion: null,
  reasonBeforeDeletion: null,
} as const;

async function retryOf(trx: RegistryTransaction, before: Tenant): Promise<Transition> {
  const run = before.status === 'purging' ? await latestRun(trx, before.id) : undefined;
  return run?.status === 'failed'
    ? { done: 'retried', from: ['purging'], change: { statusReason: null }, run: 'purge' }
    : {
        done: 'retried',
        from: ['failed'],
        change: { status: 'requested', failedAt: null, statusReason: null },
        run: 'provision',
      };
}

export type TenantLifecycle = ReturnType<typeof createTenantLifecycle>;

async function changeWithin<Result extends ChangedTenant | undefined>(
  { registry, afterCommit }: Needs,
  work: (trx: RegistryTransaction) => Promise<Result>,
): Promise<Result> {
  const result = await registry.transaction().execute(work);
  if (result !== undefined && result.runId !== null) afterCommit(result.tenant.id, result.tenant.generation);
  return result;
}

type Ask = { tenantId: string; request: ChangeRequest; transition: Transition | TransitionOf };

async function changeLocked(
  trx: RegistryTransaction,
  { tenantId, request, transition: asked }: Ask,
): Promise<ChangedTenant> {
  const before = await lockTenant(trx, tenantId);
  if (before === undefined) throw errors.tenantNotFound();
  const transition = typeof asked === 'function' ? await asked(trx, before) : asked;
  const isRefused = !transition.from.includes(before.status);
  const tenant = isRefused ? undefined : await apply(trx, before, transition);
  if (tenant === undefined) throw errors.stateConflict(before.status, transition.done, transition.instead);
  const runId =
    transition.run === undefined
      ? null
      : await startRun(trx, tenant, { ...transition, kind: transition.run, request });
  // Whoever opens a tenant again has looked at what was wrong with it.
  if (tenant.status === 'active') await clearAttention(trx, tenantId);
  await recordAudit(trx, {
    actor: request.actor,
    action: `tenant.${transition.done.replaceAll(/[ -]/g, '_')}`,
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

type RunStart = { kind: RunKind; request: ChangeRequest; cancelRequestedAt?: Date | null };

async function startRun(
  trx: RegistryTransaction,
  { id: tenantId, generation }: Tenant,
  { kind, request, cancelRequestedAt = null }: RunStart,
): Promise<string> {
  const runId = randomUUID();
  await cancelOpenRuns(trx, tenantId);
  await clearAttention(trx, tenantId);
  await insertRun(trx, {
    id: runId,
    tenantId,
    generation,
    kind,
    requestId: request.requestId,
    cancelRequestedAt,
    cancelReason: cancelRequestedAt === null ? null : (request.reason ?? null),
  });
  await insertOutbox(trx, { topic: 'queue.run-provisioning', payload: { tenant_id: tenantId, generation } });
  return runId;
}
