import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';
import type { Session } from './session.ts';

export type Waited<State> = {
  read: () => Promise<State>;
  /** Milliseconds since the epoch. */
  deadline: number;
  /** The progress line; of nothing as long as nothing was seen. */
  describe: (state: State | undefined) => string;
};

/** Often enough to look alive, seldom enough to cost nothing. */
const pollMs = 400;

/**
 * Follows something until it has ended or the time is over. An API that is away for a moment is asked again.
 * @returns the last state seen; undefined if there was none.
 */
export async function waitUntilEnded<State extends { status: string }>(
  session: Session,
  waited: Waited<State>,
): Promise<State | undefined> {
  const { output, now } = session;
  let last: State | undefined;
  for (;;) {
    last = (await readPatiently(session, waited)) ?? last;
    if (last !== undefined && hasEnded(last)) break;
    await output.progress(printable(waited.describe(last)));
    const leftMs = waited.deadline - now().getTime();
    if (leftMs <= 0) break;
    await delay(Math.min(pollMs, leftMs));
  }
  await output.endProgress();
  return last;
}

function hasEnded({ status }: { status: string }): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

async function readPatiently<State>({ now }: Session, { read, deadline }: Waited<State>) {
  try {
    return await read();
  } catch (error) {
    const mayPass = error instanceof Failure && error.facts.passesByItself === true;
    if (mayPass && now().getTime() < deadline) return undefined;
    throw error;
  }
}
