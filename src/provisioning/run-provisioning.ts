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
import { type Judgement, judgeFailure } from './judge-failure.ts';
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
    if (signal.aborted) return;
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
  const judgement = judge(run, error);
  if (judgement.verdict === 'fail') {
    needs.log.error({ err: error, run_id: run.id }, 'Provisioning failed');
    await fail(needs, attempt, judgement);
  } else {
    await carryOut(needs, attempt, judgement);
  }
}

type Patience = Exclude<Judgement, { verdict: 'fail' }>;

async function carryOut(needs: RunnerNeeds, { run, error }: Attempt, judgement: Patience): Promise<void> {
  if (judgement.verdict === 'leave') {
    needs.log.info({ run_id: run.id }, 'Another worker has taken this run over');
    return;
  }
  const { delayMs, code: errorCode, detail: errorDetail } = judgement;
  needs.log.warn(
    { err: error, run_id: run.id, retry_in_ms: delayMs },
    'Provisioning attempt failed; it is tried again',
  );
  await pauseRun(needs.registry, run, { delayMs, errorCode, errorDetail });
}

type Reason = { code: string; detail: string };

/** Takes back what was done and ends the run; what passes by itself in the way of that is waited for. */
async function fail(needs: RunnerNeeds, attempt: Attempt, reason: Reason): Promise<void> {
  const { run, context } = attempt;
  const obstacle = await takeBack(needs, attempt);
  if (obstacle !== null && obstacle.verdict !== 'fail') {
    await carryOut(needs, { ...attempt, error: obstacle.error }, obstacle);
    return;
  }
  // What could not be unmade stays as it is, named by the registry, for an operator to see.
  const needsAttention = obstacle !== null || run.kind === 'purge';
  const end = {
    status: 'failed',
    errorCode: reason.code,
    errorDetail: reason.detail,
    needsAttention,
  } as const;
  const change = run.kind === 'purge' ? {} : { status: 'failed' as const, failedAt: new Date() };
  await context.save({ ...change, statusReason: reason.detail }, async (trx, tenant) => {
    if (!(await finishRun(trx, run, end))) throw errors.fenced();
    const payload = { tenant_id: tenant.id, code: reason.code };
    await insertOutbox(trx, { topic: `event.tenant.${run.kind}_failed`, payload });
    await recordAudit(trx, {
      actor: systemActor,
      action: `tenant.${run.kind}_failed`,
      tenantId: tenant.id,
      after: { ...reason, needsAttention },
    });
    await publish(trx, { kind: 'tenant.changed', tenantId: tenant.id, slug: tenant.slug });
  });
}

/** @returns what is in the way of taking everything back; null when nothing is left behind. */
async function takeBack(
  needs: RunnerNeeds,
  { run, context }: Attempt,
): Promise<(Judgement & { error: unknown }) | null> {
  try {
    // The session may be what failed; a new one takes the lock again.
    await context.close();
    await undoSteps(context, needs.steps[run.kind]);
    return null;
  } catch (error) {
    needs.log.error({ err: error, run_id: run.id }, 'What a failed run left behind could not be taken back');
    return { ...judge(run, error), error };
  }
}

function judge(run: OwnedRow, error: unknown): Judgement {
  const ageMs = Date.now() - (run.startedAt ?? run.createdAt).getTime();
  return judgeFailure({ error, attempts: run.attempts, ageMs, giveUpAfterMs });
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
