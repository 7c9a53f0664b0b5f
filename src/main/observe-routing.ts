import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { Routing } from '../routing/routing.ts';
import { createHitRate } from '../telemetry/hit-rate.ts';
import type { Figure } from '../telemetry/readings.ts';
import type { ProcessMetrics } from './assemble-metrics.ts';
import type { Shutdown } from './shutdown.ts';

type Stats = ReturnType<Routing['stats']>;

/** @returns the same routing, of which the waits for leases are measured. */
export function observeRouting(routing: Routing, metrics: ProcessMetrics, shutdown: Shutdown): Routing {
  const { observe, readAtScrape, countConnections } = metrics;
  const hitRate = createHitRate({ read: () => routing.stats().cache });
  shutdown.onStop('cache hit rate', 100, async () => hitRate.stop());
  countConnections('tenant', () => {
    const { leased, idle } = routing.stats();
    return { leased, idle };
  });
  readAtScrape({
    source: 'routing',
    fills: ['leasesWaiting', 'poolEvictions', 'cacheRequests', 'cacheHitRate'],
    read: () => figuresOf(routing.stats(), hitRate.rate()),
  });

  return {
    ...routing,
    async lease(tenant, options) {
      const startedAt = performance.now();
      const seconds = () => (performance.now() - startedAt) / 1_000;
      try {
        const lease = await routing.lease(tenant, options);
        observe.leaseWait('granted', seconds());
        return lease;
      } catch (error) {
        if (isTimeout(error)) observe.leaseWait('timeout', seconds());
        throw error;
      }
    },
  };
}

function figuresOf({ waiting, evicted, cache, sharedCache }: Stats, hitRate: number | undefined): Figure[] {
  const tenants = { cache: 'tenants' };
  const shared = { cache: 'tenants_shared' };
  return [
    { meter: 'leasesWaiting', value: waiting },
    { meter: 'poolEvictions', labels: { reason: 'fair_share' }, value: evicted.fairShare },
    { meter: 'poolEvictions', labels: { reason: 'budget' }, value: evicted.budget },
    { meter: 'cacheRequests', labels: { ...tenants, result: 'hit' }, value: cache.hits },
    { meter: 'cacheRequests', labels: { ...tenants, result: 'miss' }, value: cache.misses },
    ...(sharedCache === undefined
      ? []
      : [
          { meter: 'cacheRequests' as const, labels: { ...shared, result: 'hit' }, value: sharedCache.hits },
          {
            meter: 'cacheRequests' as const,
            labels: { ...shared, result: 'miss' },
            value: sharedCache.misses,
          },
        ]),
    ...(hitRate === undefined ? [] : [{ meter: 'cacheHitRate' as const, labels: tenants, value: hitRate }]),
  ];
}

function isTimeout(error: unknown): boolean {
  return error instanceof AppError && error.code === errors.leaseTimeout.definition.code;
}
