export type OutageGuardNeeds = {
  onFailed: (error: unknown) => void;
  onRecovered: () => void;
  /** How long a server that failed is left alone. */
  pauseMs?: number;
};

/**
 * Asks a server that one can do without. One that hangs costs one caller the time-out, and not each; after a pause one
 * caller tries again.
 */
export function createOutageGuard({ onFailed, onRecovered, pauseMs = 2_000 }: OutageGuardNeeds) {
  const outage = { endsAt: 0, isTried: false };

  function mayAsk(): boolean {
    if (outage.endsAt === 0) return true;
    if (outage.isTried || performance.now() < outage.endsAt) return false;
    outage.isTried = true;
    return true;
  }

  /** @returns the answer, or `otherwise` where there is none. */
  return async function ask<Answer, Otherwise>(
    question: () => Promise<Answer>,
    otherwise: Otherwise,
  ): Promise<Answer | Otherwise> {
    if (!mayAsk()) return otherwise;
    try {
      const answer = await question();
      outage.endsAt = 0;
      onRecovered();
      return answer;
    } catch (error) {
      outage.endsAt = performance.now() + pauseMs;
      onFailed(error);
      return otherwise;
    } finally {
      outage.isTried = false;
    }
  };
}
