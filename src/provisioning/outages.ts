import { AppError } from '../errors/app-error.ts';
import type { Logger } from '../telemetry/logger.ts';

const usualFirstPauseMs = 5_000;
const longestPauseMs = 5 * 60_000;

type Outage = { detail: string; pauses: number; until: number };

export type Trouble = {
  error: unknown;
  /** What could not be done, and what that means, without a full stop. */
  what: string;
};

/**
 * What is in the way of work that is repeated by itself: each trouble is said once, and given ever more time
 * before the work is tried again.
 */
export function createOutages(log: Logger, firstPauseMs = usualFirstPauseMs) {
  const outages = new Map<string, Outage>();

  return {
    isDue: (key: string): boolean => (outages.get(key)?.until ?? 0) <= Date.now(),

    begin(key: string, { error, what }: Trouble): void {
      const before = outages.get(key);
      const detail = error instanceof Error ? error.message : String(error);
      const pauses = (before?.pauses ?? 0) + 1;
      const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (pauses - 1));
      outages.set(key, { detail, pauses, until: Date.now() + pauseMs });
      if (before?.detail === detail) return;
      // What is known has its reason in its text; what is not is shown whole.
      const known = error instanceof AppError ? { code: error.code } : { err: error };
      log.warn({ ...known, retry_in_ms: pauseMs }, `${what}: ${detail}`);
    },

    end(key: string, what: string): void {
      if (outages.delete(key)) log.info(what);
    },
  };
}

export type Outages = ReturnType<typeof createOutages>;
