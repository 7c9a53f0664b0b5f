import pLimit from 'p-limit';
import type { Logger } from '../telemetry/logger.ts';

export type HandsNeeds<Item> = {
  work: (item: Item, signal: AbortSignal) => Promise<void>;
  atOnce: number;
  log: Logger;
};

/** One kind of work of a process: never more at once than it has hands, whoever brings it. */
export function createHands<Item>({ work, atOnce, log }: HandsNeeds<Item>) {
  const limit = pLimit(atOnce);
  const stopping = new AbortController();
  const taken = new Set<Promise<void>>();

  const workOn = (item: Item, signal: AbortSignal): Promise<void> => limit(() => work(item, signal));

  return {
    /** Resolves when the work is done, or cannot be done now. */
    workOn,

    free: (): number => Math.max(0, atOnce - limit.activeCount - limit.pendingCount),

    /** How much was taken and is not done: at work, or waiting for a hand. */
    taken: (): number => taken.size,

    /** For whoever does not wait. What ends badly is still open in its row, and is found again. */
    take(item: Item): void {
      const end = workOn(item, stopping.signal).catch((error: unknown) =>
        log.error({ err: error }, 'A job ended badly; it is tried again'),
      );
      taken.add(end);
      void end.finally(() => taken.delete(end));
    },

    /** Breaks off what was taken; another process goes on with it. */
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(taken);
    },
  };
}

export type Hands<Item> = ReturnType<typeof createHands<Item>>;
