/**
 * Runs `work` for a key one at a time, and at most once in `everyMs`: asked meanwhile, however often, it runs once
 * more afterwards. `work` must not throw.
 */
export function createPaced(work: (key: string) => Promise<void>, everyMs: number) {
  const busy = new Set<string>();
  const asked = new Set<string>();
  const timers = new Map<string, NodeJS.Timeout>();
  let isStopped = false;

  async function run(key: string): Promise<void> {
    busy.add(key);
    asked.delete(key);
    await work(key);
    busy.delete(key);
    if (isStopped) return;
    const timer = setTimeout(() => {
      timers.delete(key);
      if (asked.has(key)) void run(key);
    }, everyMs);
    timers.set(key, timer.unref());
  }

  return {
    ask(key: string): void {
      if (isStopped) return;
      asked.add(key);
      if (!busy.has(key) && !timers.has(key)) void run(key);
    },

    stop(): void {
      isStopped = true;
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
