import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryTransaction } from '../registry/registry-database.ts';
import { recordAudit, systemActor } from '../registry/repositories/audit-log.ts';
import { insertOutbox } from '../registry/repositories/outbox.ts';
import { beat, findRun, finishRun, pauseRun } from '../registry/repositories/provisioning-runs.ts';
import { isCancelled } from '../registry/repositories/run-cancellations.ts';
import { findTenant } from '../registry/repositories/tenants.ts';
import { type Judgement, judgeFailure } from './judge-failure.ts';
import { RunContext } from './run-context.ts';
import type { OwnedRow, RunnerNeeds } from './runner-needs.ts';
import { undoSteps } from './saga.ts';

const giveUpAfterMs = 24 * 3_600_000;

export type FailedAttempt = {
  run: OwnedRow;
  error: unknown;
  /** The process ends: somebody else goes on at once. */
  isStopping: boolean;
  /** Aborted when the run is another's. */
  fenced: AbortSignal;
};

/** What becomes of a run whose attempt did not get to its end: tried again, taken back, or left to another. */
export async function settleAttempt(needs: RunnerNeeds, attempt: FailedAttempt): Promise<void> {
  const { run, error, isStopping } = attempt;
  if (isStopping) {
    const isOurs = await pauseRun(needs.registry, run, {
      delayMs: 0,
      errorCode: 'shutting_down',
      errorDetail: 'The worker was stopped.',
      isInterruption: true,
    });
    if (!isOurs) return carryOut(needs, attempt, { verdict: 'leave' });
    needs.log.info({ run_id: run.id }, 'This run is given back, for another worker to go on with it');
    return;
  }
  if (error instanceof AppError && error.code === errors.runCancelled.definition.code) {
    needs.log.info({ run_id: run.id }, 'Provisioning is cancelled and taken back');
    await end(needs, attempt, cancellation(run.cancelReason));
    return;
  }
  const judgement = judge(run, error);
  if (judgement.verdict === 'fail') {
    needs.log.error({ err: error, run_id: run.id }, 'Provisioning failed');
    await end(needs, attempt, { status: 'failed', code: judgement.code, detail: judgement.detail });
  } else {
    await carryOut(needs, attempt, judgement);
  }
}

type Patience = Exclude<Judgement, { verdict: 'fail' }>;

async function carryOut(
  needs: RunnerNeeds,
  { run, error }: Pick<FailedAttempt, 'run' | 'error'>,
  judgement: Patience,
): Promise<void> {
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

type Ending = { status: 'failed' | 'cancelled'; code: string; detail: string };

function cancellation(reason: string | null): Ending {
  const detail = reason === null ? 'cancelled' : `cancelled: ${reason}`;
  return { status: 'cancelled', code: 'cancelled', detail };
}

/** Takes back what was done and ends the run; what passes by itself in the way of that is waited for. */
async function end(needs: RunnerNeeds, attempt: FailedAttempt, ending: Ending): Promise<void> {
  const context = await openUndo(needs, attempt);
  if (context === undefined) return carryOut(needs, attempt, { verdict: 'leave' });
  try {
    const obstacle = await takeBack(context, needs, attempt.run);
    if (obstacle !== null && obstacle.verdict !== 'fail') {
      await carryOut(needs, { ...attempt, error: obstacle.error }, obstacle);
      return;
    }
    const needsAttention = obstacle !== null || attempt.run.kind === 'purge';
    const inTheWay = obstacle?.detail ?? null;
    await writeEnd(context, attempt.run, { ...ending, needsAttention, obstacle: inTheWay });
    if (needsAttention)
      needs.log.error({ run_id: attempt.run.id, needs_attention: true }, context.tenant.statusReason ?? '');
  } finally {
    await context.close();
  }
}

/** An attempt of its own, which begins when whatever the failed one was writing is written or refused. */
async function openUndo(needs: RunnerNeeds, { run, fenced }: FailedAttempt): Promise<RunContext | undefined> {
  const tenant = await needs.registry.transaction().execute(async (trx) => {
    if ((await beat(trx, run)) === 'lost') return undefined;
    return findTenant(trx, run.tenantId);
  });
  if (tenant === undefined) return undefined;
  const signal = new AbortController().signal;
  return new RunContext({ run, tenant, needs, signal, lost: fenced, isTakingBack: true });
}

type Obstacle = Judgement & { error: unknown };

/** @returns what is in the way of taking everything back; null when nothing is left behind. */
async function takeBack(context: RunContext, needs: RunnerNeeds, run: OwnedRow): Promise<Obstacle | null> {
  try {
    await undoSteps(context, needs.steps[run.kind]);
    return null;
  } catch (error) {
    needs.log.error({ err: error, run_id: run.id }, 'What a failed run left behind could not be taken back');
    return { ...judge(run, error), error };
  }
}

type Attention = { needsAttention: boolean; obstacle: string | null };

/** What could not be unmade stays as it is, named by the registry, for an operator to see. */
async function writeEnd(context: RunContext, run: OwnedRow, asked: Ending & Attention): Promise<void> {
  const change = run.kind === 'purge' ? {} : { status: 'failed' as const, failedAt: new Date() };
  const ending = async (trx: RegistryTransaction) =>
    describeEnd(context, asked, await cancelledMeanwhile(trx, run));
  await context.save(
    async (trx) => ({ ...change, statusReason: (await ending(trx)).reason }),
    async (trx, tenant) => {
      const { status, code, reason } = await ending(trx);
      const { needsAttention } = asked;
      const isOurs = await finishRun(trx, run, {
        status,
        errorCode: code,
        errorDetail: reason,
        needsAttention,
      });
      if (!isOurs) throw errors.fenced();
      const outcome = `tenant.${run.kind}_${status}`;
      const payload = { tenant_id: tenant.id, code, needs_attention: needsAttention };
      await insertOutbox(trx, { topic: `event.${outcome}`, payload });
      await recordAudit(trx, {
        actor: systemActor,
        action: outcome,
        tenantId: tenant.id,
        after: { code, detail: reason, needsAttention },
      });
      await publish(trx, { kind: 'tenant.changed', tenantId: tenant.id, slug: tenant.slug });
    },
  );
}

/** How a run ends of which an operator wanted that while it failed by itself. */
async function cancelledMeanwhile(trx: RegistryTransaction, { id }: OwnedRow): Promise<Ending | null> {
  const run = await findRun(trx, id);
  return run !== undefined && isCancelled(run) ? cancellation(run.cancelReason) : null;
}

function describeEnd({ tenant }: RunContext, asked: Ending & Attention, cancelled: Ending | null) {
  const { status, code, detail } = cancelled ?? asked;
  const { needsAttention, obstacle } = asked;
  const next = status === 'cancelled' ? `delete ${tenant.slug} --purge` : `retry ${tenant.slug}`;
  return { status, code, reason: needsAttention ? withInstructions(detail, obstacle, next) : detail };
}

/** For whoever is called in the night: what is left, and what to do about it. */
function withInstructions(detail: string, obstacle: string | null, next: string): string {
  const left =
    obstacle === null || obstacle === detail
      ? 'What is left of its database and roles stays until then.'
      : `What was begun could not be taken back: ${obstacle}`;
  return `${detail}${/[.!?]$/.test(detail) ? '' : '.'} ${left} Mend that, then run: tenant-cli ${next}`;
}

function judge(run: OwnedRow, error: unknown): Judgement {
  return judgeFailure({ error, attempts: run.attempts, failingMs: run.failingMs, giveUpAfterMs });
}
