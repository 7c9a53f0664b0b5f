import { createLeasedValues } from '../cache/leased-values.ts';
import { createOutageGuard, type OutageGuardNeeds } from '../cache/outage-guard.ts';
import { awaitAnswer, connectRedis, type RedisClient } from '../queue/link-to-redis.ts';
import { createOutageLog } from '../queue/outage-log.ts';
import type { MasterSeal } from '../registry/master-seal.ts';
import { createSharedTenants, type SharedTenants, sharedTtlMs } from '../routing/shared-tenants.ts';
import type { ProcessParts } from './assemble-platform.ts';

export type Cache = OutageGuardNeeds & {
  /** Undefined where each process counts and remembers for itself. */
  redis: RedisClient | undefined;
};

/** The Redis that may forget. Waits for it a second at most, so that already the first calls are counted together. */
export async function assembleCache({ config, log, shutdown }: ProcessParts): Promise<Cache> {
  const { CACHE_REDIS_URL: url, REDIS_PASSWORD: password } = config;
  const outage = createOutageLog({ what: 'The Redis in which requests are counted and tenants cached', log });
  const guard = { onFailed: outage.failed, onRecovered: outage.recovered };
  if (url === undefined) {
    log.info(
      'Without CACHE_REDIS_URL and REDIS_URL each process counts requests and failed logins, and remembers tenants, for itself',
    );
    return { redis: undefined, ...guard };
  }
  const redis = connectRedis({ url, password }, 'producer');
  redis.on('error', outage.failed);
  shutdown.onStop('cache', 1_000, async () => redis.disconnect());
  await awaitAnswer(redis).catch(outage.failed);
  return { redis, ...guard };
}

/** What processes know of tenants, in common; undefined without Redis. */
export function shareTenants(
  { redis, ...guard }: Cache,
  masterSeal: Pick<MasterSeal, 'sealText' | 'unsealText'>,
): SharedTenants | undefined {
  if (redis === undefined) return undefined;
  const values = createLeasedValues({ redis, name: 'tenant', ttlMs: sharedTtlMs });
  return createSharedTenants({ values, ask: createOutageGuard(guard), masterSeal });
}
