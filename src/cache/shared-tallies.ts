import type { Cluster, Redis } from 'ioredis';
import { createLocalTallies } from './local-tallies.ts';
import { createOutageGuard, type OutageGuardNeeds } from './outage-guard.ts';
import { createRedisTallies } from './redis-tallies.ts';
import type { Tallies } from './tally.ts';

export type SharedTalliesNeeds = OutageGuardNeeds & {
  /** Undefined where each process counts for itself. */
  redis: Redis | Cluster | undefined;
};

/**
 * Counts in Redis, and in this process as long as Redis does not answer: a lost Redis neither lets everybody
 * through nor refuses everybody. Each process counts all the time for itself as well, so that whoever was over a
 * limit through it stays so when Redis goes away.
 */
export function createSharedTallies({ redis, ...guard }: SharedTalliesNeeds) {
  // One for all tallies: a Redis that hangs costs one caller a second, and not each caller of each tally.
  const ask = createOutageGuard(guard);

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
