import { performance } from 'node:perf_hooks';

/** Of the time that passes, how much may be spent on looking: what took 20 ms is looked at again after 1 s. */
const costShare = 0.02;
const longestMs = 10_000;

export type Snapshot<Value> = { value: Value; takenAt: Date };

/**
 * What is costly to count is counted once for all who ask at the same time, and kept for as long as counting it
 * took, fifty times, 10 s at most: a small installation is told the present, a large one is not slowed down.
 */
export function createSnapshot<Value>(load: () => Promise<Value>): () => Promise<Snapshot<Value>> {
  let current: Snapshot<Value> | undefined;
  let freshUntil = 0;
  let loading: Promise<Snapshot<Value>> | undefined;

  async function take(): Promise<Snapshot<Value>> {
    const [begun, takenAt] = [performance.now(), new Date()];
    const value = await load();
    const ended = performance.now();
    current = { value, takenAt };
    freshUntil = ended + Math.min(longestMs, (ended - begun) / costShare);
    return current;
  }

  return async () => {
    if (current !== undefined && performance.now() < freshUntil) return current;
    loading ??= take().finally(() => {
      loading = undefined;
    });
    return loading;
  };
}
