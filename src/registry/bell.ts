import { setTimeout as delay } from 'node:timers/promises';

/** Wakes one waiter; a ring while nobody waits is remembered. */
export function createBell() {
  let hasRung = false;
  let wake: (() => void) | undefined;
  return {
    ring(): void {
      hasRung = true;
      wake?.();
    },
    async wait(ms: number, signal: AbortSignal): Promise<void> {
      if (!hasRung) {
        const rung = new AbortController();
        wake = () => rung.abort();
        await delay(ms, undefined, { signal: AbortSignal.any([signal, rung.signal]) }).catch(() => undefined);
        wake = undefined;
      }
      hasRung = false;
    },
  };
}
