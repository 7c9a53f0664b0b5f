import type { Logger } from '../telemetry/logger.ts';

export type SweeperNeeds = {
  /** Each rings for what it finds forgotten of its kind. */
  looks: readonly (() => Promise<void>)[];
  intervalMs: number;
  log: Logger;
};

/**
 * Rings again for what nobody works on: the queue lost the job, the worker died, or its time to be tried again
 * has come. This, not the queue, is why nothing that was accepted is lost.
 */
export function startSweeper({ looks, intervalMs, log }: SweeperNeeds) {
  let isStopped = false;
  let isFailing = false;
  let timer: NodeJS.Timeout | undefined;
  let underway = Promise.resolve();

  async function sweep(): Promise<void> {
    try {
      await Promise.all(looks.map((look) => look()));
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
    timer = setTimeout(() => {
      underway = sweep();
    }, intervalMs);
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
