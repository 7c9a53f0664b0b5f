import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { RegistryExecutor } from '../registry/registry-database.ts';
import { findTenantRoute, type TenantKey } from '../registry/repositories/tenant-routing.ts';
import { type ResolvedTenant, toResolvedTenant } from './resolved-tenant.ts';
import type { SharedTenants } from './shared-tenants.ts';
import { createTenantCache } from './tenant-cache.ts';

export type ResolvingNeeds = {
  readonly database: RegistryExecutor;
  /** Undefined where each process remembers tenants for itself. */
  readonly sharedTenants?: SharedTenants | undefined;
  /** How old a tenant in memory may be. */
  readonly ttlMs?: number | undefined;
};

/** Tenants by name: from memory, then from what processes share, then from the registry. */
export function createTenantResolving({ database, sharedTenants, ttlMs }: ResolvingNeeds) {
  async function read(key: TenantKey): Promise<ResolvedTenant | undefined> {
    const route = await readRoute(database, key);
    return route && toResolvedTenant(route);
  }

  const cache = createTenantCache({
    // A slug is looked up in the registry at once: few requests bring one.
    load: (key) =>
      'id' in key && sharedTenants !== undefined ? sharedTenants.load(key.id, () => read(key)) : read(key),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  });

  return {
    /** @throws registry_unavailable. */
    resolve: (key: TenantKey): Promise<ResolvedTenant | undefined> => cache.get(key),

    /** For when the tenant has changed, or seems to have. */
    forget({ id, slug }: { id: string; slug?: string }): void {
      sharedTenants?.forget(id);
      cache.invalidate({ id });
      if (slug !== undefined) cache.invalidate({ slug });
    },

    /** For when messages may have been lost. */
    forgetAll(): void {
      sharedTenants?.distrust();
      cache.flush();
    },

    stats: () => ({ cache: cache.stats(), sharedCache: sharedTenants?.stats() }),
  };
}

async function readRoute(database: RegistryExecutor, key: TenantKey) {
  try {
    return await findTenantRoute(database, key);
  } catch (error) {
    throw error instanceof AppError ? error : errors.registryUnavailable().causedBy(error);
  }
}
