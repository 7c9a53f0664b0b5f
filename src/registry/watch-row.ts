import { createBell } from './bell.ts';

export type Watching<State> = {
  /** @returns undefined when there is no such row. */
  read: () => Promise<State | undefined>;
  hasEnded: (state: State) => boolean;
  /** Calls back when a message says that the row has changed; returns how to stop that. */
  listen: (ring: () => void) => () => void;
  /** Calls back when it has ended, even where no message says so: whoever waits for that looks no more by itself. */
  listenForEnd?: (ring: () => void) => () => void;
};

/** Messages may be lost: whoever waits looks by itself this often. */
const lookEveryMs = 1_000;

/** A row's state now, then after every change, until it has ended or the caller goes away. */
export async function* watchRow<State>(
  { read, hasEnded, listen }: Watching<State>,
  signal: AbortSignal,
): AsyncGenerator<State> {
  const bell = createBell();
  const stopListening = listen(bell.ring);
  try {
    let shown = '';
    while (!signal.aborted) {
      // Whoever waits for what was accepted has nothing of an error: the registry comes back.
      const state = await read().catch(() => 'unknown' as const);
      if (state === undefined) return;
      if (state !== 'unknown') {
        const text = JSON.stringify(state);
        if (text !== shown) yield state;
        if (hasEnded(state)) return;
        shown = text;
      }
      await bell.wait(lookEveryMs, signal);
    }
  } finally {
    stopListening();
  }
}

/** The state when the row has ended, or when `waitMs` are over, whichever comes first. */
export async function waitForRow<State>(
  { read, hasEnded, listen, listenForEnd }: Watching<State>,
  { waitMs, signal }: { waitMs: number; signal?: AbortSignal | undefined },
): Promise<State | undefined> {
  const timeUp = AbortSignal.timeout(waitMs);
  const until = signal === undefined ? timeUp : AbortSignal.any([timeUp, signal]);
  const bell = createBell();
  const stopListening = (listenForEnd ?? listen)(bell.ring);
  const lookMs = listenForEnd === undefined ? lookEveryMs : waitMs;
  let last: State | undefined;
  try {
    for (;;) {
      const isOver = until.aborted;
      // As above: the registry comes back.
      const state = await read().catch(() => 'unknown' as const);
      if (state === undefined) return undefined;
      if (state !== 'unknown') last = state;
      if (isOver || (last !== undefined && hasEnded(last))) return last;
      await bell.wait(lookMs, until);
    }
  } finally {
    stopListening();
  }
}
