import { randomUUID } from 'node:crypto';
import { errors } from '../errors/catalogue.ts';
import { beatRegularly } from '../registry/beat-regularly.ts';
import { beat, claimRun, findRun } from '../registry/repositories/provisioning-runs.ts';
import { isCancelled } from '../registry/repositories/run-cancellations.ts';
import { findTenant } from '../registry/repositories/tenants.ts';
import { runInContext } from '../telemetry/request-context.ts';
import { RunContext } from './run-context.ts';
import type { OwnedRow, RunnerNeeds } from './runner-needs.ts';
import { runSteps } from './saga.ts';
import { settleAttempt } from './settle-attempt.ts';

/** A worker that was silent for so long is taken for dead; a living one beats five times as often. */
export const staleAfterMs = 5_000;
const beatEveryMs = 1_000;

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

async function work(needs: RunnerNeeds, run: OwnedRow, signal: AbortSignal): Promise<void> {
  const tenant = await findTenant(needs.registry, run.tenantId);
  if (tenant === undefined) return;
  const heart = startHeart(needs, run);
  const lost = AbortSignal.any([heart.fenced, heart.cancelled]);
  const context = new RunContext({ run, tenant, needs, signal, lost });
  try {
    if (isCancelled(run)) throw errors.runCancelled();
    await runSteps(context, needs.steps[run.kind]);
    needs.log.info({ run_id: run.id, kind: run.kind }, 'Provisioning run completed');
  } catch (error) {
    // First of all: a step that still hangs must find nothing open when it wakes up.
    await context.close();
    await settleAttempt(needs, { run, error, isStopping: signal.aborted, fenced: heart.fenced });
  } finally {
    heart.stop();
    await context.close();
  }
  if (!heart.fenced.aborted) await tellEnd(needs, run, tenant.plan);
}

/** An attempt that failed may be followed by another: then there is nothing to tell. */
async function tellEnd({ registry, observeEnd }: RunnerNeeds, run: OwnedRow, plan: string): Promise<void> {
  if (observeEnd === undefined) return;
  const ended = await findRun(registry, run.id);
  if (ended === undefined || ended.finishedAt === null) return;
  const { kind, status: outcome, way, createdAt, finishedAt } = ended;
  observeEnd({ kind, outcome, way, plan, seconds: (finishedAt.getTime() - createdAt.getTime()) / 1_000 });
}

/** Tells the registry that this worker is alive, and hears when the run is another's or is cancelled. */
function startHeart(needs: RunnerNeeds, run: OwnedRow) {
  const [fenced, cancelled] = [new AbortController(), new AbortController()];
  const stop = beatRegularly({
    everyMs: beatEveryMs,
    async beat() {
      const standing = await beat(needs.registry, run);
      if (standing === 'lost') fenced.abort(errors.fenced());
      if (standing === 'cancelled') cancelled.abort(errors.runCancelled());
    },
    onError: (error) => needs.log.warn({ err: error, run_id: run.id }, 'Heartbeat of a run not written'),
  });
  return { fenced: fenced.signal, cancelled: cancelled.signal, stop };
}
