import type { TenantPool } from './tenant-pool.ts';

/** What all tenants have together. */
export function summarizePools(all: Iterable<TenantPool>) {
  const pools = [...all];
  const sum = (read: (pool: TenantPool) => number) => pools.reduce((total, pool) => total + read(pool), 0);
  return {
    tenants: pools.filter((pool) => pool.share > 0).length,
    idle: sum((pool) => pool.idle.length),
    opening: sum((pool) => pool.opening),
    waiting: sum((pool) => pool.queue.size),
  };
}

/** How many connections to the server its tenants would use now. */
export function demandOf(pools: Iterable<TenantPool>, serverId: string): number {
  let demand = 0;
  for (const pool of pools) if (pool.serverId === serverId) demand += pool.demand;
  return demand;
}
