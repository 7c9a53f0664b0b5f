import { errors } from '../errors/catalogue.ts';
import { recordSteps } from '../registry/repositories/provisioning-steps.ts';
import type { StepStatus } from '../registry/tables.generated.ts';
import type { RunContext } from './run-context.ts';
import { type Step, usualDeadlineMs } from './step.ts';

/**
 * Walks the steps in order, always from the first: each brings about its state again, so that a resumed run
 * also mends what was lost beneath it. The last step ends the run itself.
 * @throws fenced when another process has taken the run over; deadline_exceeded; whatever a step throws.
 */
export async function runSteps(context: RunContext, steps: readonly Step[]): Promise<void> {
  const done: Moment[] = [];
  for (const [position, step] of steps.entries()) {
    if (context.signal.aborted) throw context.signal.reason;
    if (step.isDue?.(context) ?? true) {
      await record(context, steps, [...done.splice(0), { position, status: 'running' }]);
      await withinDeadline(context, step, () => context.needs.around(step.name, () => step.run(context)));
    }
    done.push({ position, status: 'done' });
  }
}

/** Takes everything back in reverse order; undo is owed from the moment that `run` starts. */
export async function undoSteps(context: RunContext, steps: readonly Step[]): Promise<void> {
  for (const [position, step] of [...steps.entries()].reverse()) {
    if (step.undo === undefined) continue;
    const { undo } = step;
    const name = `undo ${step.name}`;
    const limited = { ...step, name };
    await withinDeadline(context, limited, () => context.needs.around(name, () => undo(context)));
    await record(context, steps, [{ position, status: 'undone' }]);
  }
}

/**
 * Waits for a step until its time is over or the run is lost. The step itself may hang for ever: whoever calls
 * this closes the context, after which it can do nothing any more.
 */
async function withinDeadline(
  context: RunContext,
  step: Pick<Step, 'name' | 'deadlineMs'>,
  work: () => Promise<void>,
): Promise<void> {
  const limitMs = context.needs.stepDeadlineMs ?? step.deadlineMs ?? usualDeadlineMs;
  const limit = new AbortController();
  const timer = setTimeout(
    () => limit.abort(errors.deadlineExceeded(`The step "${step.name}"`, limitMs)),
    limitMs,
  );
  context.limitStep(limit.signal);
  const startedAt = performance.now();
  let outcome: 'done' | 'failed' = 'failed';
  const unlisten = new AbortController();
  try {
    const refusals = [limit.signal, context.lost].map((signal) => refusal(signal, unlisten.signal));
    await Promise.race([work(), ...refusals]);
    outcome = 'done';
  } finally {
    clearTimeout(timer);
    unlisten.abort();
    context.limitStep(undefined);
    context.needs.observeStep?.(step.name, outcome, (performance.now() - startedAt) / 1_000);
  }
}

/** Rejects when `signal` is aborted, with its reason. */
function refusal(signal: AbortSignal, until: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true, signal: until });
  });
}

type Moment = { position: number; status: StepStatus };

/** The last step's end is recorded by the step itself, with the end of the run. */
async function record(
  context: RunContext,
  steps: readonly Step[],
  moments: readonly Moment[],
): Promise<void> {
  const named = (moment: Moment) => ({ ...moment, name: steps[moment.position]?.name ?? '' });
  const latest = moments.at(-1);
  if (latest === undefined) return;
  const { position, status } = latest;
  const isOurs = await recordSteps(context.needs.registry, context.run, {
    moments: moments.map(named),
    progress: status === 'undone' ? 0 : Math.floor((position / steps.length) * 100),
  });
  if (!isOurs) throw errors.fenced();
}
