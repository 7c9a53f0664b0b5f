/** What failed, as often as it did in a row. */
type Setback = { failures: number; until: number; detail: string };

export type Setbacks = ReturnType<typeof createSetbacks>;

const firstPauseMs = 60_000;
const longestPauseMs = 3_600_000;

/**
 * Remembers which repairs failed, so that what cannot be mended is neither tried nor told of at each look. A
 * repair that has other things to mend than the last time is another one.
 */
export function createSetbacks(now: () => number) {
  const known = new Map<string, Setback>();

  return {
    /** Why this one is not tried at the moment; undefined when it may be. */
    reasonToWait(key: string): string | undefined {
      const setback = known.get(key);
      if (setback === undefined || setback.until <= now()) return undefined;
      const again = new Date(setback.until).toISOString();
      return `${setback.detail} It is tried again after ${again}; tenant-cli reconcile --apply tries it at once.`;
    },

    /** @returns whether nobody was told so yet. */
    noteFailure(key: string, detail: string): boolean {
      const before = known.get(key);
      const failures = (before?.failures ?? 0) + 1;
      const pauseMs = Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs);
      known.set(key, { failures, until: now() + pauseMs, detail });
      return before?.detail !== detail;
    },

    /** Forgets all others: what was mended, by whomever, begins anew when it breaks again. */
    keepOnly(keys: ReadonlySet<string>): void {
      for (const key of known.keys()) if (!keys.has(key)) known.delete(key);
    },
  };
}
