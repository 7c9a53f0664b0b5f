import type { Logger } from '../telemetry/logger.ts';
import type { Hands } from './hands.ts';

const batch = 100;
/** While forgotten work keeps the hands busy, the next one should not wait for its turn. */
const busyIntervalMs = 100;
const beatEveryMs = 5_000;

/** How one kind of work is swept. */
export type Sweeping<Item> = {
  /**
   * Finds due work on which nobody is alive, and marks it so that nobody else finds it for some seconds. With
   * `isPatient`, what merely waits in the queue is given ever more time before it counts as forgotten.
   */
  takeForgotten: (look: { limit: number; isPatient: boolean }) => Promise<Item[]>;
  hands: Pick<Hands<Item>, 'free' | 'taken' | 'take'>;
  ring: (item: Item) => Promise<void>;
};

export type Sweep = { look: () => Promise<void>; isBusy: () => boolean };

/**
 * A queue that works leaves nothing behind where a hand is free, so what is found then is taken at once, whatever
 * has become of the queue. Only where the queue keeps all hands busy it is rung for again, to wait in its row.
 */
export function createSweep<Item>({ takeForgotten, hands, ring }: Sweeping<Item>): Sweep {
  return {
    isBusy: () => hands.taken() > 0,
    async look() {
      const free = hands.free();
      if (free > 0) {
        for (const item of await takeForgotten({ limit: free, isPatient: false })) hands.take(item);
      } else if (hands.taken() === 0) {
        const forgotten = await takeForgotten({ limit: batch, isPatient: true });
        await Promise.all(forgotten.map(ring));
      }
    },
  };
}

export type SweeperNeeds = {
  sweeps: readonly Sweep[];
  /** Tells the installation that it is swept. */
  beat: () => Promise<void>;
  intervalMs: number;
  log: Logger;
};

/**
 * Sees to what nobody works on: the queue is away or lost the job, the worker died, or its time to be tried
 * again has come. This, not the queue, is why nothing that was accepted is lost.
 */
export function startSweeper({ sweeps, beat, intervalMs, log }: SweeperNeeds) {
  let nextBeatAt = 0;
  let isStopped = false;
  let isFailing = false;
  let timer: NodeJS.Timeout | undefined;
  let underway = Promise.resolve();

  async function beatInTime(): Promise<void> {
    if (performance.now() < nextBeatAt) return;
    await beat();
    nextBeatAt = performance.now() + beatEveryMs;
  }

  async function sweep(): Promise<void> {
    try {
      await Promise.all(sweeps.map(({ look }) => look()));
      await beatInTime();
      isFailing = false;
    } catch (error) {
      // Said once per outage, not every second.
      if (!isFailing) log.warn({ err: error }, 'Looking for forgotten work failed; it is tried again');
      isFailing = true;
    }
    schedule();
  }

  function schedule(): void {
    if (isStopped) return;
    const isBusy = sweeps.some((each) => each.isBusy());
    timer = setTimeout(
      () => {
        underway = sweep();
      },
      isBusy ? busyIntervalMs : intervalMs,
    );
  }

  schedule();

  return {
    async stop(): Promise<void> {
      isStopped = true;
      clearTimeout(timer);
      await underway;
    },
  };
}
