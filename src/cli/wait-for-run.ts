import { setTimeout as delay } from 'node:timers/promises';
import type { Run } from './admin-api.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';
import type { Session } from './session.ts';

type Waited = {
  provisioningId: string;
  /** Milliseconds since the epoch. */
  deadline: number;
  /** What is being done, for the progress line. */
  doing: string;
};

/** Often enough to look alive, seldom enough to cost nothing. */
const pollMs = 400;

/**
 * Follows a run until it has ended or the time is over. An API that is away for a moment is asked again.
 * @returns the last state seen; undefined if there was none.
 */
export async function waitForRun(session: Session, waited: Waited): Promise<Run | undefined> {
  const { output, now } = session;
  let last: Run | undefined;
  for (;;) {
    last = (await readPatiently(session, waited)) ?? last;
    if (last !== undefined && hasEnded(last)) break;
    await output.progress(progressLine(waited.doing, last));
    const leftMs = waited.deadline - now().getTime();
    if (leftMs <= 0) break;
    await delay(Math.min(pollMs, leftMs));
  }
  await output.endProgress();
  return last;
}

function hasEnded({ status }: Run): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

async function readPatiently({ api, now }: Session, { provisioningId, deadline }: Waited) {
  try {
    return (await api.readRun(provisioningId)).value;
  } catch (error) {
    const mayPass = error instanceof Failure && error.facts.passesByItself === true;
    if (mayPass && now().getTime() < deadline) return undefined;
    throw error;
  }
}

function progressLine(doing: string, run: Run | undefined): string {
  const percent = run?.progress === undefined ? '' : ` ${run.progress} %`;
  const step = run?.current_step ? ` · ${run.current_step.replaceAll('-', ' ')}` : '';
  return printable(`${doing} …${percent}${step}`);
}
