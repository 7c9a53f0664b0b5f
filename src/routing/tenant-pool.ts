import { LeaseQueue } from './lease-queue.ts';
import type { TenantDatabase } from './resolved-tenant.ts';
import type { TenantConnection } from './tenant-connection.ts';

export type TenantPoolOptions = {
  readonly tenantId: string;
  readonly database: TenantDatabase;
  readonly maxConnections: number;
};

const firstBackOffMs = 100;
const longestBackOffMs = 1_000;
/** A tenant that asks again within this time should find its connection open. */
const recentlyMs = 2_000;

/** What one tenant holds and who of it waits. Decides nothing: `ConnectionPools` does. */
export class TenantPool {
  readonly tenantId: string;
  database: TenantDatabase;
  readonly queue = new LeaseQueue();
  /** The most recently used one is last. */
  readonly idle: TenantConnection[] = [];
  leased = 0;
  /** Given back, and being brought to the state of a new one. */
  resetting = 0;
  opening = 0;
  /** Also those that first have a statement to end. */
  closing = 0;
  /** No further login is tried at present: the last one was refused. */
  isBackingOff = false;
  #refusals = 0;
  #usedAt = performance.now();
  /** The tenant was suspended or has moved: what comes back is closed. */
  isRetired = false;
  readonly #maxConnections: number;

  constructor({ tenantId, database, maxConnections }: TenantPoolOptions) {
    this.tenantId = tenantId;
    this.database = database;
    this.#maxConnections = maxConnections;
  }

  get serverId(): string {
    return this.database.server.id;
  }

  /** What it will go on having. */
  get share(): number {
    return this.idle.length + this.leased + this.resetting + this.opening;
  }

  /** How many connections it would use now, as far as its limit allows. */
  get demand(): number {
    const inUse = this.leased + this.resetting + this.opening;
    const room = Math.max(0, this.#maxConnections - inUse);
    const wanted = inUse + Math.min(this.queue.size, room);
    return Math.max(wanted, this.isInUse(recentlyMs) ? 1 : 0);
  }

  /** Whether there was a request within so many milliseconds. */
  isInUse(withinMs: number): boolean {
    return performance.now() - this.#usedAt < withinMs;
  }

  noteUse(): void {
    this.#usedAt = performance.now();
  }

  get isEmpty(): boolean {
    return this.share + this.closing + this.queue.size === 0;
  }

  get wantsSeat(): boolean {
    return (
      this.queue.size > this.opening + this.resetting &&
      this.share + this.closing < this.#maxConnections &&
      !this.isBackingOff &&
      // After a refusal one login finds out for all whether there is room again.
      (this.#refusals === 0 || this.opening === 0)
    );
  }

  /** @returns for how many milliseconds: longer with every refusal in a row. */
  startBackOff(): number {
    this.isBackingOff = true;
    this.#refusals += 1;
    return Math.min(firstBackOffMs * 2 ** (this.#refusals - 1), longestBackOffMs);
  }

  noteLogin(): void {
    this.#refusals = 0;
  }

  /** Milliseconds as of `performance.now`, of the connection unused for longest. */
  get idleSince(): number {
    return this.idle[0]?.idleSince ?? Number.POSITIVE_INFINITY;
  }

  /** What was idle for so long, beyond the `kept` that a tenant in use goes on having. */
  unusedFor(idleMs: number, kept: number): TenantConnection[] {
    const limit = performance.now() - idleMs;
    const unused = this.idle.filter(({ idleSince }) => idleSince <= limit);
    const closable = this.isInUse(idleMs) ? Math.max(0, this.share - kept) : unused.length;
    return unused.slice(0, closable);
  }

  putIdle(connection: TenantConnection): void {
    connection.idleSince = performance.now();
    this.idle.push(connection);
  }

  removeIdle(connection: TenantConnection): boolean {
    const index = this.idle.indexOf(connection);
    if (index < 0) return false;
    this.idle.splice(index, 1);
    return true;
  }
}
