import type { ConnectionBudget } from './connection-budget.ts';
import { choosePoorest, chooseVictim, isRicher } from './fair-share.ts';
import type { TenantConnection } from './tenant-connection.ts';
import type { TenantPool } from './tenant-pool.ts';

export type SeatSharingNeeds = {
  readonly budget: ConnectionBudget;
  readonly pools: () => Iterable<TenantPool>;
  /** Opens what the pool needs; false when there was no seat. */
  readonly serve: (pool: TenantPool) => boolean;
  /** Closes an idle connection of the pool. */
  readonly evict: (pool: TenantPool) => void;
};

/** A login takes about 5 ms: a tenant whose turn it is keeps its only connection for a few requests. */
const minHoldMs = 25;

/** Who wants a seat while the budget has none, and who gives one up for it. */
export class SeatSharing {
  readonly #needs: SeatSharingNeeds;
  readonly #starving = new Set<TenantPool>();
  readonly #hungry = new Set<TenantPool>();
  /** By server, connections that are about to free their seats: whom they are enough for gets no further one. */
  readonly #closing = new Map<string, number>();

  constructor(needs: SeatSharingNeeds) {
    this.#needs = needs;
    needs.budget.onFreed((serverId) => this.#serveWanting(serverId));
  }

  want(pool: TenantPool): void {
    const [wanted, other] =
      pool.share === 0 ? [this.#starving, this.#hungry] : [this.#hungry, this.#starving];
    other.delete(pool);
    wanted.add(pool);
    this.#evictFor(pool);
  }

  forget(pool: TenantPool): void {
    this.#starving.delete(pool);
    this.#hungry.delete(pool);
  }

  /** Whether a connection that came to rest goes to a poorer tenant instead of back to its own. */
  mustGiveUp(pool: TenantPool, connection: TenantConnection): boolean {
    if (this.#starving.size + this.#hungry.size === 0) return false;
    const poorest = choosePoorest(this.#wanting, pool, this.#sharesBudget);
    if (poorest === undefined || !this.#needsAnother(poorest)) return false;
    // The connection in hand is counted in no state.
    const share = pool.share + 1;
    if (!isRicher(share, poorest.share)) return false;
    if (pool.queue.size === 0) return true;
    if (connection.served === 0) return false;
    if (share > 1) return true;
    const heldMs = performance.now() - connection.openedAt;
    return heldMs >= minHoldMs && poorest.queue.oldestSince < pool.queue.oldestSince;
  }

  /** To be called when a connection became idle. */
  offerIdle(): void {
    const [pool] = this.#starving.size > 0 ? this.#starving : this.#hungry;
    if (pool !== undefined) this.#evictFor(pool);
  }

  startClosing({ serverId }: TenantPool): void {
    this.#closing.set(serverId, (this.#closing.get(serverId) ?? 0) + 1);
  }

  finishClosing({ serverId }: TenantPool): void {
    this.#closing.set(serverId, (this.#closing.get(serverId) ?? 0) - 1);
  }

  #evictFor(pool: TenantPool): void {
    if (!this.#needsAnother(pool)) return;
    const victim = chooseVictim(this.#needs.pools(), pool, this.#sharesBudget);
    if (victim !== undefined) this.#needs.evict(victim);
  }

  #needsAnother(pool: TenantPool): boolean {
    let closing = 0;
    for (const [serverId, count] of this.#closing) {
      if (this.#needs.budget.isShared(serverId, pool.serverId)) closing += count;
    }
    if (pool.share > 0) return closing === 0;
    return closing < [...this.#starving].filter((other) => this.#sharesBudget(other, pool)).length;
  }

  #serveWanting(serverId: string): void {
    const byShare = [...this.#hungry].sort((one, other) => one.share - other.share);
    for (const pool of [...this.#starving, ...byShare]) {
      if (!this.#needs.budget.isShared(serverId, pool.serverId)) continue;
      if (!this.#needs.serve(pool)) return;
    }
  }

  get #wanting() {
    return { starving: this.#starving, hungry: this.#hungry };
  }

  #sharesBudget = (one: TenantPool, other: TenantPool): boolean =>
    this.#needs.budget.isShared(one.serverId, other.serverId);
}
