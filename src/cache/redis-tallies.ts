import type { Cluster, Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import type { Tallies } from './tally.ts';

export type RedisTalliesNeeds = { redis: Redis | Cluster; name: string; windowMs: number };

/**
 * Counts that all processes share. @throws what Redis or its absence throws: the library only counts here, and
 * who is over a limit is decided by who knows the limit, as that of a tenant depends on its plan.
 */
export function createRedisTallies({ redis, name, windowMs }: RedisTalliesNeeds): Tallies {
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    keyPrefix: `tm:rate:${name}`,
    points: Number.MAX_SAFE_INTEGER,
    duration: Math.max(1, Math.ceil(windowMs / 1_000)),
    rejectIfRedisNotReady: true,
  });

  return {
    async add(key) {
      const { consumedPoints: count, msBeforeNext: resetMs } = await limiter.consume(key);
      return { count, resetMs };
    },
    async read(key) {
      const found = await limiter.get(key);
      return { count: found?.consumedPoints ?? 0, resetMs: found?.msBeforeNext ?? windowMs };
    },
    takeBack: async (key) => void (await limiter.reward(key)),
    clear: async (key) => void (await limiter.delete(key)),
  };
}
