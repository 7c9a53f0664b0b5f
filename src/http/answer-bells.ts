import { setTimeout as delay } from 'node:timers/promises';
import type { Messages } from '../registry/messages.ts';

type Key = { scope: string; key: string };

/** Wakes those who wait for an answer as soon as any process has stored it. One subscription for all. */
export function createAnswerBells(messages: Pick<Messages, 'on'>) {
  const waiting = new Map<string, Set<() => void>>();
  const nameOf = ({ scope, key }: Key) => `${scope} ${key}`;
  const stop = messages.on('answer.stored', (message) => {
    for (const ring of waiting.get(nameOf(message)) ?? []) ring();
  });

  return {
    stop,

    /** A ring between two waits is remembered. */
    listen(key: Key) {
      const name = nameOf(key);
      let rung = new AbortController();
      const ring = () => rung.abort();
      const rings = waiting.get(name) ?? new Set();
      waiting.set(name, rings.add(ring));

      return {
        async wait(ms: number, signal: AbortSignal): Promise<void> {
          const awake = AbortSignal.any([signal, rung.signal]);
          await delay(ms, undefined, { signal: awake }).catch(() => undefined);
          if (rung.signal.aborted) rung = new AbortController();
        },
        stop(): void {
          rings.delete(ring);
          if (rings.size === 0 && waiting.get(name) === rings) waiting.delete(name);
        },
      };
    },
  };
}
