import { createBell } from './bell.ts';

export type Watching<State> = {
  /** @returns undefined when there is no such row. */
  read: () => Promise<State | undefined>;
  hasEnded: (state: State) => boolean;
  /** Calls back when a message says that the row has changed; returns how to stop that. */
  listen: (ring: () => void) => () => void;
  /** The same for its end alone, where messages tell; else `listen`. */
  listenForEnd?: (ring: () => void) => () => void;
};

/** Messages may be lost: whoever waits looks by itself this often. */
const lookEveryMs = 1_000;
/** Of many who wait for something that takes long, the looks would be a load. */
const longestLookMs = 5_000;

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
  { read, hasEnded, listen, listenForEnd = listen }: Watching<State>,
  { waitMs, signal }: { waitMs: number; signal?: AbortSignal | undefined },
): Promise<State | undefined> {
  const timeUp = AbortSignal.timeout(waitMs);
  const until = signal === undefined ? timeUp : AbortSignal.any([timeUp, signal]);
  const bell = createBell();
  const stopListening = listenForEnd(bell.ring);
  let last: State | undefined;
  try {
    for (let lookMs = lookEveryMs; ; lookMs = Math.min(2 * lookMs, longestLookMs)) {
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
