import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.ts';

type Phase = { name: string; deadlineMs: number; stop: () => Promise<void> };

/** Whatever is started registers here how it is stopped; the last one started is the first one stopped. */
export function createShutdown(log: Logger) {
  const phases: Phase[] = [];
  let running: Promise<void> | undefined;

  async function stopAll(): Promise<void> {
    for (const phase of phases.toReversed()) await stopOne(phase, log);
  }

  return {
    onStop(name: string, deadlineMs: number, stop: () => Promise<void>): void {
      phases.push({ name, deadlineMs, stop });
    },

    /** Stops everything once, however often it is called. Never throws. */
    stop(): Promise<void> {
      running ??= stopAll();
      return running;
    },
  };
}

export type Shutdown = ReturnType<typeof createShutdown>;

/** A part that does not stop in time, or not well, does not keep the others from stopping. */
async function stopOne({ name, deadlineMs, stop }: Phase, log: Logger): Promise<void> {
  const tooLate = delay(deadlineMs, 'late' as const, { ref: false });
  try {
    const outcome = await Promise.race([stop(), tooLate]);
    if (outcome === 'late') log.warn({ phase: name, deadline_ms: deadlineMs }, 'Did not stop in time');
  } catch (error) {
    log.warn({ err: error, phase: name }, 'Did not stop well');
  }
}
