import { errors } from '../errors/catalogue.ts';
import { recordStep } from '../registry/repositories/provisioning-runs.ts';
import type { StepStatus } from '../registry/tables.generated.ts';
import type { RunContext } from './run-context.ts';
import type { Step } from './step.ts';

/**
 * Walks the steps in order, always from the first: each brings about its state again, so that a resumed run
 * also mends what was lost beneath it. The last step ends the run itself.
 * @throws fenced when another process has taken the run over; whatever a step throws.
 */
export async function runSteps(context: RunContext, steps: readonly Step[]): Promise<void> {
  for (const [position, step] of steps.entries()) {
    if (context.signal.aborted) throw context.signal.reason;
    const before = { position: position - 1, status: 'done' } as const;
    await record(context, steps, [...(position > 0 ? [before] : []), { position, status: 'running' }]);
    await context.needs.around(step.name, () => step.run(context));
  }
}

/** Takes everything back in reverse order; undo is owed from the moment that `run` starts. */
export async function undoSteps(context: RunContext, steps: readonly Step[]): Promise<void> {
  for (const [position, step] of [...steps.entries()].reverse()) {
    if (step.undo === undefined) continue;
    const { undo } = step;
    await context.needs.around(`undo ${step.name}`, () => undo(context));
    await record(context, steps, [{ position, status: 'undone' }]);
  }
}

type Moment = { position: number; status: StepStatus };

/** The last step's end is recorded by the step itself, with the end of the run. */
async function record(
  context: RunContext,
  steps: readonly Step[],
  moments: readonly Moment[],
): Promise<void> {
  const isOurs = await context.needs.registry.transaction().execute(async (trx) => {
    let isOwned = true;
    for (const { position, status } of moments) {
      const progress = status === 'undone' ? 0 : Math.floor((position / steps.length) * 100);
      const name = steps[position]?.name ?? '';
      isOwned &&= await recordStep(trx, context.run, { position, name, status, progress });
    }
    return isOwned;
  });
  if (!isOurs) throw errors.fenced();
}
