import { randomUUID } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { recordAudit, systemActor } from '../registry/repositories/audit-log.ts';
import { insertOutbox } from '../registry/repositories/outbox.ts';
import {
  beat,
  claimRun,
  finishRun,
  type ProvisioningRun,
  pauseRun,
} from '../registry/repositories/provisioning-runs.ts';
import { findTenant } from '../registry/repositories/tenants.ts';
import type { RunKind } from '../registry/tables.generated.ts';
import type { Logger } from '../telemetry/logger.ts';
import { runInContext } from '../telemetry/request-context.ts';
import { judgeFailure } from './judge-failure.ts';
import { RunContext, type RunContextNeeds } from './run-context.ts';
import { runSteps, undoSteps } from './saga.ts';
import type { Step } from './step.ts';

/** A worker that was silent for so long is taken for dead; a living one beats five times as often. */
export const staleAfterMs = 5_000;
const beatEveryMs = 1_000;
const giveUpAfterMs = 24 * 3_600_000;

export type RunnerNeeds = RunContextNeeds & {
  registry: RegistryDatabase;
  steps: Record<RunKind, readonly Step[]>;
  log: Logger;
};

/** Returns the function that works on one run until it is done, or says why it cannot be done now. */
export function createRunner(needs: RunnerNeeds) {
  /** May be called at any time, any number of times, anywhere: only one caller gets the run. */
  return async function runProvisioning(
    tenantId: string,
    generation: number,
    signal: AbortSignal,
  ): Promise<void> {
    const owner = randomUUID();
    const claimed = await claimRun(needs.registry, { tenantId, generation, owner, staleAfterMs });
    if (claimed === undefined) return;
    const requestId = claimed.requestId ?? claimed.id;
    await runInContext({ requestId, tenantId }, () => work(needs, { ...claimed, owner }, signal));
  };
}

type OwnedRow = ProvisioningRun & { owner: string };

async function work(needs: RunnerNeeds, run: OwnedRow, signal: AbortSignal): Promise<void> {
  const tenant = await findTenant(needs.registry, run.tenantId);
  if (tenant === undefined) return;
  const heart = startHeart(needs, run, signal);
  const context = new RunContext({ run, tenant, needs, signal: heart.signal });
  try {
    await runSteps(context, needs.steps[run.kind]);
    needs.log.info({ run_id: run.id, kind: run.kind }, 'Provisioning run completed');
  } catch (error) {
    await settle(needs, { run, context, error, isStopping: signal.aborted });
  } finally {
    heart.stop();
    await context.close();
  }
}

type Attempt = { run: OwnedRow; context: RunContext; error: unknown; isStopping: boolean };

async function settle(needs: RunnerNeeds, attempt: Attempt): Promise<void> {
  const { run, error, isStopping } = attempt;
  if (isStopping) {
    await pauseRun(needs.registry, run, {
      delayMs: 0,
      errorCode: 'shutting_down',
      errorDetail: 'The worker was stopped.',
    });
    return;
  }
  const ageMs = Date.now() - (run.startedAt ?? run.createdAt).getTime();
  const judgement = judgeFailure({ error, attempts: run.attempts, ageMs, giveUpAfterMs });
  switch (judgement.verdict) {
    case 'leave':
      needs.log.info({ run_id: run.id }, 'Another worker has taken this run over');
      return;
    case 'retry':
      needs.log.warn(
        { err: error, run_id: run.id, retry_in_ms: judgement.delayMs },
        'Provisioning attempt failed; it is tried again',
      );
      await pauseRun(needs.registry, run, {
        delayMs: judgement.delayMs,
        errorCode: judgement.code,
        errorDetail: judgement.detail,
      });
      return;
    case 'fail':
      needs.log.error({ err: error, run_id: run.id }, 'Provisioning failed');
      await fail(needs, attempt, judgement);
  }
}

async function fail(
  needs: RunnerNeeds,
  { run, context }: Attempt,
  reason: { code: string; detail: string },
): Promise<void> {
  const needsAttention = !(await takeBack(needs, { run, context }));
  const end = {
    status: 'failed',
    errorCode: reason.code,
    errorDetail: reason.detail,
    needsAttention,
  } as const;
  if (run.kind === 'purge') {
    // What could not be unmade completely stays as it is, listed for an operator.
    await finishRun(needs.registry, run, end);
    return;
  }
  await context.save(
    { status: 'failed', failedAt: new Date(), statusReason: reason.detail },
    async (trx, tenant) => {
      if (!(await finishRun(trx, run, end))) throw errors.fenced();
      await insertOutbox(trx, {
        topic: 'event.tenant.failed',
        payload: { tenant_id: tenant.id, code: reason.code },
      });
      await recordAudit(trx, {
        actor: systemActor,
        action: 'tenant.failed',
        tenantId: tenant.id,
        after: reason,
      });
      await publish(trx, { kind: 'tenant.changed', tenantId: tenant.id, slug: tenant.slug });
    },
  );
}

/** @returns whether nothing is left behind. */
async function takeBack(
  needs: RunnerNeeds,
  { run, context }: Pick<Attempt, 'run' | 'context'>,
): Promise<boolean> {
  try {
    // The session may be what failed; a new one takes the lock again.
    await context.close();
    await undoSteps(context, needs.steps[run.kind]);
    return true;
  } catch (error) {
    needs.log.error({ err: error, run_id: run.id }, 'What a failed run left behind could not be taken back');
    return false;
  }
}

/** Tells the registry that this worker is alive; aborts the work when the run is another's. */
function startHeart(needs: RunnerNeeds, run: OwnedRow, stop: AbortSignal) {
  const fenced = new AbortController();
  const timer = setInterval(() => {
    beat(needs.registry, run).then(
      (isOurs) => {
        if (!isOurs) fenced.abort(errors.fenced());
      },
      (error) => needs.log.warn({ err: error, run_id: run.id }, 'Heartbeat of a run not written'),
    );
  }, beatEveryMs);
  return { signal: AbortSignal.any([stop, fenced.signal]), stop: () => clearInterval(timer) };
}
