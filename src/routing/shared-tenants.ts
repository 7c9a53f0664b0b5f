import { randomUUID } from 'node:crypto';
import type { LeasedValues } from '../cache/leased-values.ts';
import type { createOutageGuard } from '../cache/outage-guard.ts';
import type { MasterSeal } from '../registry/master-seal.ts';
import type { ResolvedTenant } from './resolved-tenant.ts';

/** With the time that a process remembers a tenant, the 30 s after which nothing outdated is used. */
export const sharedTtlMs = 9_000;
/** Clocks of hosts differ. What Redis has removed long ago is not to come back by somebody's hand. */
const oldestMs = sharedTtlMs + 60_000;
const column = 'resolved_tenant';

export type SharedTenantsNeeds = {
  values: LeasedValues;
  ask: ReturnType<typeof createOutageGuard>;
  masterSeal: Pick<MasterSeal, 'sealText' | 'unsealText'>;
};

type Read = () => Promise<ResolvedTenant | undefined>;

/**
 * Resolved tenants that processes share, between the memory of each and the registry. Each is sealed for its id:
 * whoever can write into Redis cannot make one tenant's requests lead to another's database. Nothing here is needed:
 * without Redis, and whenever something outdated could be in it, the registry is read.
 */
export function createSharedTenants({ values, ask, masterSeal }: SharedTenantsNeeds) {
  const removals = new Map<string, Promise<void>>();
  const counts = { hits: 0, misses: 0 };
  let distrustedUntil = 0;

  /** What another process could not remove is gone after this. */
  function distrust(): void {
    distrustedUntil = performance.now() + sharedTtlMs;
  }

  function open(id: string, text: string): ResolvedTenant | undefined {
    try {
      const { at, tenant } = JSON.parse(masterSeal.unsealText(text, { owner: id, column }));
      return Math.abs(Date.now() - at) < oldestMs ? tenant : undefined;
    } catch {
      // Of another master key, or not ours at all.
      return undefined;
    }
  }

  return {
    /** @throws what `read` throws. */
    async load(id: string, read: Read): Promise<ResolvedTenant | undefined> {
      await removals.get(id);
      if (performance.now() < distrustedUntil) return read();
      const lease = randomUUID();
      const found = await ask(() => values.read(id, lease), undefined);
      const known = typeof found === 'string' ? open(id, found) : undefined;
      counts[known === undefined ? 'misses' : 'hits'] += 1;
      if (known !== undefined) return known;
      const tenant = await read();
      if (found === null && tenant !== undefined) {
        const text = JSON.stringify({ at: Date.now(), tenant });
        const sealed = masterSeal.sealText(text, { owner: id, column });
        void ask(() => values.fill(id, lease, sealed), false);
      }
      return tenant;
    },

    /** Before this, no load of the tenant looks here again. */
    forget(id: string): void {
      const removal = ask(() => values.remove(id).then(() => true), false)
        .then((isRemoved) => {
          if (!isRemoved) distrust();
        })
        .finally(() => {
          if (removals.get(id) === removal) removals.delete(id);
        });
      removals.set(id, removal);
    },

    /** For when messages may have been lost. */
    distrust,

    stats: () => ({ ...counts }),
  };
}

export type SharedTenants = ReturnType<typeof createSharedTenants>;
