import type { RegistryDatabase } from '../registry/registry-database.ts';
import { type Ring, takeForgottenRuns } from '../registry/repositories/provisioning-runs.ts';
import type { Logger } from '../telemetry/logger.ts';
import { staleAfterMs } from './run-provisioning.ts';

const batch = 100;

export type SweeperNeeds = {
  registry: RegistryDatabase;
  ring: (ring: Ring) => Promise<void>;
  intervalMs: number;
  log: Logger;
};

/**
 * Rings again for runs that nobody works on: the queue lost the job, the worker died, or its time to be tried
 * again has come. This, not the queue, is why no accepted registration is lost.
 */
export function startSweeper({ registry, ring, intervalMs, log }: SweeperNeeds) {
  let isStopped = false;
  let isFailing = false;
  let timer: NodeJS.Timeout | undefined;
  let underway = Promise.resolve();

  async function sweep(): Promise<void> {
    try {
      const forgotten = await takeForgottenRuns(registry, { staleAfterMs, limit: batch });
      await Promise.all(forgotten.map(ring));
      isFailing = false;
    } catch (error) {
      // Said once per outage, not every second.
      if (!isFailing) log.warn({ err: error }, 'Looking for forgotten runs failed; it is tried again');
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
