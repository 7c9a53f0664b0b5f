import type { Cluster, Redis } from 'ioredis';

/** How long whoever found nothing has time to bring the value. */
const leaseMs = 5_000;

/** The value, or else a lease where nobody has one. */
const readOrLease = `
local value = redis.call('GET', KEYS[1])
if value then return value end
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
return nil`;

/** Only with the lease that was given, and once. */
const fillOnce = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`;

export type LeasedValuesNeeds = {
  redis: Redis | Cluster;
  /** Of what is kept: part of its keys in Redis. */
  name: string;
  /** Absolute: reading a value does not prolong it. */
  ttlMs: number;
};

/**
 * Values that all processes share, of which none that was read before a removal can be written after it: whoever
 * finds nothing gets a lease, a removal takes it away, and without it nothing is written (Nishtala et al., Scaling
 * Memcache at Facebook, NSDI 2013, 3.2.1). All throw what Redis or its absence throws.
 */
export function createLeasedValues({ redis, name, ttlMs }: LeasedValuesNeeds) {
  // In a cluster both are on the same node for what is in braces.
  const keysOf = (key: string) => [`tm:${name}:{${key}}`, `tm:${name}:{${key}}:lease`] as const;

  return {
    /** @param lease a new random text: with it the value may be written if there was none. */
    read: async (key: string, lease: string): Promise<string | null> =>
      (await redis.eval(readOrLease, 2, ...keysOf(key), lease, leaseMs)) as string | null,

    /** @returns whether it was written. */
    fill: async (key: string, lease: string, value: string): Promise<boolean> =>
      (await redis.eval(fillOnce, 2, ...keysOf(key), lease, value, ttlMs)) === 1,

    remove: async (key: string): Promise<void> => void (await redis.del(...keysOf(key))),
  };
}

export type LeasedValues = ReturnType<typeof createLeasedValues>;
