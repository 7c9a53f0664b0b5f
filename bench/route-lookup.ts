import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openRegistry } from '../src/registry/registry-database.ts';
import { findTenantRoute } from '../src/registry/repositories/tenant-routing.ts';
import { toResolvedTenant } from '../src/routing/resolved-tenant.ts';
import { createTenantCache } from '../src/routing/tenant-cache.ts';
import type { BenchServers } from './bench-server.ts';
import type { Fleet } from './fleet.ts';
import { idOf } from './registry-rows.ts';

export type RouteLookup = Awaited<ReturnType<typeof openRouteLookup>>;

/** The part of a request that finds the tenant, alone in this process. */
export async function openRouteLookup({ postgres }: BenchServers, { deployment }: Fleet) {
  const { host, port, admin } = postgres;
  const registry = openRegistry({
    login: { host, port, ...admin, database: deployment.registryName, ssl: false },
    applicationName: 'bench',
    poolMax: 2,
    poolTimeoutMs: 10_000,
    onConnectionError: () => undefined,
  });
  const load = async (key: Parameters<typeof findTenantRoute>[1]) => {
    const route = await findTenantRoute(registry, key);
    return route && toResolvedTenant(route);
  };

  return {
    resolve: async (id: string) => (await load({ id }))?.slug,

    /** What a resolved tenant costs in memory, and how long it takes to find it there. */
    async measureMemory(tenants: number) {
      const cache = createTenantCache({ load, maxTenants: tenants, ttlMs: 600_000 });
      const before = heapInUse();
      for (let tenant = 1; tenant <= tenants; tenant += 1) await cache.get({ id: idOf(tenant) });
      const bytesPerTenant = (heapInUse() - before) / tenants;
      const begun = performance.now();
      for (let tenant = 1; tenant <= tenants; tenant += 1) await cache.get({ id: idOf(tenant) });
      const microseconds = ((performance.now() - begun) * 1_000) / tenants;
      return { bytesPerTenant, microseconds };
    },

    close: () => registry.destroy(),
  };
}

function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}
