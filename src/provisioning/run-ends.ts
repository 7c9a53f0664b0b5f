import type { Messages } from '../registry/messages.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { listOpenRuns } from '../registry/repositories/run-progress.ts';

type Needs = { registry: RegistryDatabase; messages: Pick<Messages, 'on'> };

/** Messages may be lost. */
const lookEveryMs = 1_000;

/** Tells those who wait when their run has ended: one subscription, and one look in a second, for all of them. */
export function createRunEnds({ registry, messages }: Needs) {
  const waiting = new Map<string, Set<() => void>>();
  let isLooking = false;

  function ring(runId: string): void {
    for (const each of waiting.get(runId) ?? []) each();
  }

  async function look(): Promise<void> {
    const asked = [...waiting.keys()];
    // Whoever waits for what was accepted has nothing of an error: the registry comes back.
    const open = await listOpenRuns(registry, asked).catch(() => asked);
    const isOpen = new Set(open);
    for (const runId of asked) if (!isOpen.has(runId)) ring(runId);
    isLooking = false;
    lookSoon();
  }

  function lookSoon(): void {
    if (isLooking || waiting.size === 0) return;
    isLooking = true;
    setTimeout(look, lookEveryMs).unref();
  }

  messages.on('run.changed', ({ runId, hasEnded }) => {
    if (hasEnded) ring(runId);
  });

  return {
    /** Calls back when the run has ended, or is gone; at least within two seconds. @returns how to stop that. */
    listen(runId: string, ringOne: () => void): () => void {
      const rings = waiting.get(runId) ?? new Set();
      waiting.set(runId, rings.add(ringOne));
      lookSoon();
      return () => {
        rings.delete(ringOne);
        if (rings.size === 0 && waiting.get(runId) === rings) waiting.delete(runId);
      };
    },
  };
}
