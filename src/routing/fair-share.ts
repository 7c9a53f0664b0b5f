import type { TenantPool } from './tenant-pool.ts';

/**
 * Whose idle connection is given up for `poor`. A tenant without any takes one from the tenant that holds
 * most, and among equals the one unused for longest; a tenant that has some takes only where it still holds
 * fewer afterwards than the other, so that nothing goes back and forth. Giving up the least recently used
 * one instead opened twenty times as many connections in the same test, and served a tenth of the requests.
 */
export function chooseVictim(pools: Iterable<TenantPool>, poor: TenantPool): TenantPool | undefined {
  let victim: TenantPool | undefined;
  for (const rich of pools) {
    if (rich === poor || rich.idle.length === 0 || !isRicher(rich.share, poor.share)) continue;
    if (rich.serverId !== poor.serverId) continue;
    if (victim === undefined || comesBefore(rich, victim)) victim = rich;
  }
  return victim;
}

/** Whose idle connection is closed where there may be fewer: of the tenant that holds most, unused for longest. */
export function chooseRichest(pools: Iterable<TenantPool>, serverId: string): TenantPool | undefined {
  let richest: TenantPool | undefined;
  for (const pool of pools) {
    if (pool.serverId !== serverId || pool.idle.length === 0) continue;
    if (richest === undefined || comesBefore(pool, richest)) richest = pool;
  }
  return richest;
}

/** Of the pools that want a seat, the one to get it before the others: none yet, else the fewest. */
export function choosePoorest(wanting: Wanting, giver: TenantPool) {
  for (const pool of wanting.starving) {
    if (pool !== giver && pool.serverId === giver.serverId) return pool;
  }
  let poorest: TenantPool | undefined;
  for (const pool of wanting.hungry) {
    if (pool === giver || pool.serverId !== giver.serverId) continue;
    if (poorest === undefined || pool.share < poorest.share) poorest = pool;
  }
  return poorest;
}

/** Pools that want a seat while there is none, in the order in which they began to. */
export type Wanting = {
  /** Those that have no connection at all. */
  readonly starving: ReadonlySet<TenantPool>;
  readonly hungry: ReadonlySet<TenantPool>;
};

/** By what each of them holds. */
export function isRicher(rich: number, poor: number): boolean {
  return poor === 0 ? rich > 0 : rich >= poor + 2;
}

function comesBefore(one: TenantPool, other: TenantPool): boolean {
  if (one.share !== other.share) return one.share > other.share;
  return one.idleSince < other.idleSince;
}
