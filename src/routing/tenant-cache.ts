import type { TenantKey } from '../registry/repositories/tenant-routing.ts';
import type { ResolvedTenant } from './resolved-tenant.ts';
import { nameOf, TenantMemory, type TenantMemoryOptions } from './tenant-memory.ts';

export type TenantCacheOptions = Partial<TenantMemoryOptions> & {
  readonly load: (key: TenantKey) => Promise<ResolvedTenant | undefined>;
};

type Load = { readonly result: Promise<ResolvedTenant | undefined>; readonly invalidated: Set<string> };

const everything = '*';
/** A tenant that changes faster than it can be read is used as read, and not remembered. */
const maxLoads = 3;

/**
 * Tenants in memory: one load per key at a time, and no load that began before an invalidation is remembered
 * or handed out after it.
 */
export function createTenantCache(options: TenantCacheOptions) {
  const { load, ttlMs = 20_000, absentTtlMs = 2_000, maxTenants = 10_000 } = options;
  const memory = new TenantMemory({ ttlMs, absentTtlMs, maxTenants });
  const loads = new Map<string, Load>();
  const counts = { hits: 0, misses: 0 };

  async function loadFresh(key: TenantKey, invalidated: Set<string>) {
    for (let count = 1; ; count += 1) {
      invalidated.clear();
      const tenant = await load(key);
      if (!isOutdated(key, tenant, invalidated)) {
        memory.remember(key, tenant);
        return tenant;
      }
      if (count === maxLoads) return tenant;
    }
  }

  function loadOnce(key: TenantKey): Promise<ResolvedTenant | undefined> {
    const name = nameOf(key);
    const running = loads.get(name);
    if (running !== undefined) return running.result;
    const invalidated = new Set<string>();
    const result = loadFresh(key, invalidated).finally(() => loads.delete(name));
    loads.set(name, { result, invalidated });
    return result;
  }

  function outdateLoads(name: string): void {
    for (const { invalidated } of loads.values()) invalidated.add(name);
  }

  return {
    async get(key: TenantKey): Promise<ResolvedTenant | undefined> {
      const known = memory.recall(key);
      counts[known === undefined ? 'misses' : 'hits'] += 1;
      return known === undefined ? loadOnce(key) : known.tenant;
    },

    invalidate(key: TenantKey): void {
      memory.forget(key);
      outdateLoads(nameOf(key));
    },

    /** For when messages may have been lost. */
    flush(): void {
      memory.clear();
      outdateLoads(everything);
    },

    stats: () => ({ ...counts, tenants: memory.size }),
  };
}

/** Whether what was loaded may be older than an invalidation that arrived meanwhile, by whichever name. */
function isOutdated(key: TenantKey, tenant: ResolvedTenant | undefined, invalidated: ReadonlySet<string>) {
  const names = [everything, nameOf(key)];
  if (tenant !== undefined) names.push(nameOf({ id: tenant.id }));
  return names.some((name) => invalidated.has(name));
}
