import type { Messages } from '../registry/messages.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { findRunProgress, type StoredProgress } from '../registry/repositories/run-progress.ts';
import type { RunStatus, StepStatus } from '../registry/tables.generated.ts';
import { type Watching, waitForRow, watchRow } from '../registry/watch-row.ts';
import { createRunEnds } from './run-ends.ts';

/** What anyone who knows the run's id may see. */
export type RunProgress = {
  runId: string;
  tenantId: string;
  slug: string;
  status: RunStatus;
  /** 0 to 100. */
  progress: number;
  currentStep: string | null;
  steps: { name: string; status: StepStatus; startedAt: Date; finishedAt: Date | null }[];
  error?: { code: string; message: string };
};

type Needs = { registry: RegistryDatabase; messages: Pick<Messages, 'on'> };

export function createRunProgress({ registry, messages }: Needs) {
  const ends = createRunEnds({ registry, messages });
  const readRun = (runId: string) => readProgress(registry, runId);

  const watching = (runId: string): Watching<RunProgress> => ({
    read: () => readRun(runId),
    hasEnded,
    listen: (ring) =>
      messages.on('run.changed', (message) => {
        if (message.runId === runId) ring();
      }),
    listenForEnd: (ring) => ends.listen(runId, ring),
  });

  return {
    readRun,

    /** The state now, then after every change, until the run has ended or the caller goes away. */
    watchRun: (runId: string, signal: AbortSignal) => watchRow(watching(runId), signal),

    /** The state when the run has ended, or when `waitMs` are over, whichever comes first. */
    waitForRun: (runId: string, waitMs: number, signal?: AbortSignal) =>
      waitForRow(watching(runId), { waitMs, signal }),
  };
}

export const hasEnded = ({ status }: Pick<RunProgress, 'status'>): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled';

async function readProgress(registry: RegistryDatabase, runId: string): Promise<RunProgress | undefined> {
  const run = await findRunProgress(registry, runId);
  if (run === undefined) return undefined;
  const { tenantId, slug, status, progress, currentStep, steps } = run;
  return { runId, tenantId, slug, status, progress, currentStep, steps, ...publicError(run) };
}

/** Why it takes longer, without a word about the installation. */
function publicError(run: Pick<StoredProgress, 'status' | 'errorCode'>): {
  error?: RunProgress['error'] & object;
} {
  if (run.errorCode === null) return {};
  if (run.status === 'failed') {
    return {
      error: { code: run.errorCode, message: 'The database could not be made. The operator has been told.' },
    };
  }
  if (run.status === 'cancelled')
    return { error: { code: 'cancelled', message: 'The operator has stopped this.' } };
  return {
    error: {
      code: run.errorCode,
      message: 'Something is in the way. Nothing is lost: it is tried again by itself.',
    },
  };
}
