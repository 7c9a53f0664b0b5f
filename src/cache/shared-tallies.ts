import type { Cluster, Redis } from 'ioredis';
import { createLocalTallies } from './local-tallies.ts';
import { createRedisTallies } from './redis-tallies.ts';
import type { Tallies } from './tally.ts';

export type SharedTalliesNeeds = {
  /** Undefined where each process counts for itself. */
  redis: Redis | Cluster | undefined;
  onFailed: (error: unknown) => void;
  onRecovered: () => void;
  /** How long a Redis that failed is left alone. */
  pauseMs?: number;
};

/**
 * Counts in Redis, and in this process as long as Redis does not answer: a lost Redis neither lets everybody
 * through nor refuses everybody. Each process counts all the time for itself as well, so that whoever was over a
 * limit through it stays so when Redis goes away.
 */
export function createSharedTallies({ redis, onFailed, onRecovered, pauseMs = 2_000 }: SharedTalliesNeeds) {
  // One for all tallies: a Redis that hangs costs one caller a second, and not each caller of each tally.
  const outage = { endsAt: 0, isTried: false };

  function mayAsk(): boolean {
    if (outage.endsAt === 0) return true;
    if (outage.isTried || performance.now() < outage.endsAt) return false;
    outage.isTried = true;
    return true;
  }

  async function ask<Answer>(question: () => Promise<Answer>, own: Answer): Promise<Answer> {
    if (!mayAsk()) return own;
    try {
      const answer = await question();
      outage.endsAt = 0;
      onRecovered();
      return answer;
    } catch (error) {
      outage.endsAt = performance.now() + pauseMs;
      onFailed(error);
      return own;
    } finally {
      outage.isTried = false;
    }
  }

  return {
    /** @param name of what is counted: part of its keys in Redis. */
    open(name: string, windowMs: number): Tallies {
      const local = createLocalTallies(windowMs);
      if (redis === undefined) return local;
      const shared = createRedisTallies({ redis, name, windowMs });
      return {
        add: async (key) => ask(() => shared.add(key), await local.add(key)),
        read: async (key) => ask(() => shared.read(key), await local.read(key)),
        takeBack: async (key) => ask(() => shared.takeBack(key), await local.takeBack(key)),
        clear: async (key) => ask(() => shared.clear(key), await local.clear(key)),
      };
    },
  };
}
