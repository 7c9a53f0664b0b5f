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
    await record(context, steps, { position, status: 'running' });
    await step.run(context);
    // The last step has ended the run: there is no owner left who could record.
    if (position < steps.length - 1) await record(context, steps, { position, status: 'done' });
  }
}

/** Takes everything back in reverse order; undo is owed from the moment that `run` starts. */
export async function undoSteps(context: RunContext, steps: readonly Step[]): Promise<void> {
  for (const [position, step] of [...steps.entries()].reverse()) {
    if (step.undo === undefined) continue;
    await step.undo(context);
    await record(context, steps, { position, status: 'undone' });
  }
}

type Moment = { position: number; status: StepStatus };

async function record(
  context: RunContext,
  steps: readonly Step[],
  { position, status }: Moment,
): Promise<void> {
  const name = steps[position]?.name ?? '';
  const done = status === 'done' ? position + 1 : position;
  const progress = status === 'undone' ? 0 : Math.floor((done / steps.length) * 100);
  const isOurs = await context.needs.registry
    .transaction()
    .execute((trx) => recordStep(trx, context.run, { position, name, status, progress }));
  if (!isOurs) throw errors.fenced();
}
