import { choosePoorest, chooseVictim, isRicher } from './fair-share.ts';
import type { TenantConnection } from './tenant-connection.ts';
import type { TenantPool } from './tenant-pool.ts';

export type SeatSharingNeeds = {
  readonly pools: () => Iterable<TenantPool>;
  /** Whether a seat that is given back can be taken again. */
  readonly canRetake: (serverId: string) => boolean;
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
    if (this.#starving.size + this.#hungry.size === 0 || !this.#needs.canRetake(pool.serverId)) return false;
    const poorest = choosePoorest(this.#wanting, pool);
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

  /** To be called when a connection of the server became idle, or was closed without leaving a seat. */
  offerIdle(serverId: string): void {
    const isThere = (pool: TenantPool) => pool.serverId === serverId;
    const pool = [...this.#starving].find(isThere) ?? [...this.#hungry].find(isThere);
    if (pool !== undefined) this.#evictFor(pool);
  }

  /** How many of the server's seats are about to be free. */
  closingOn(serverId: string): number {
    return this.#closing.get(serverId) ?? 0;
  }

  startClosing({ serverId }: TenantPool): void {
    this.#closing.set(serverId, this.closingOn(serverId) + 1);
  }

  finishClosing({ serverId }: TenantPool): void {
    this.#closing.set(serverId, this.closingOn(serverId) - 1);
  }

  #evictFor(pool: TenantPool): void {
    if (!this.#needs.canRetake(pool.serverId) || !this.#needsAnother(pool)) return;
    const victim = chooseVictim(this.#needs.pools(), pool);
    if (victim !== undefined) this.#needs.evict(victim);
  }

  #needsAnother(pool: TenantPool): boolean {
    const closing = this.closingOn(pool.serverId);
    if (pool.share > 0) return closing === 0;
    return closing < [...this.#starving].filter(({ serverId }) => serverId === pool.serverId).length;
  }

  /** To be called when the server has a seat to take. */
  serveWanting(serverId: string): void {
    const byShare = [...this.#hungry].sort((one, other) => one.share - other.share);
    for (const pool of [...this.#starving, ...byShare]) {
      if (pool.serverId !== serverId) continue;
      if (!this.#needs.serve(pool)) break;
    }
    this.offerIdle(serverId);
  }

  get #wanting() {
    return { starving: this.#starving, hungry: this.#hungry };
  }
}
