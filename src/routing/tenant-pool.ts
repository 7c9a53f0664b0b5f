import { LeaseQueue } from './lease-queue.ts';
import type { TenantDatabase } from './resolved-tenant.ts';
import type { TenantConnection } from './tenant-connection.ts';

export type TenantPoolOptions = {
  readonly tenantId: string;
  readonly database: TenantDatabase;
  readonly maxConnections: number;
};

/** What one tenant holds and who of it waits. Decides nothing: `ConnectionPools` does. */
export class TenantPool {
  readonly tenantId: string;
  readonly database: TenantDatabase;
  readonly queue = new LeaseQueue();
  /** The most recently used one is last. */
  readonly idle: TenantConnection[] = [];
  leased = 0;
  /** Given back, and being brought to the state of a new one. */
  resetting = 0;
  opening = 0;
  closing = 0;
  /** The server refuses further connections of this role at present. */
  isBackingOff = false;
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

  get isEmpty(): boolean {
    return this.share + this.closing + this.queue.size === 0;
  }

  get wantsSeat(): boolean {
    return (
      this.queue.size > this.opening + this.resetting &&
      this.share + this.closing < this.#maxConnections &&
      !this.isBackingOff
    );
  }

  /** Milliseconds as of `performance.now`, of the connection unused for longest. */
  get idleSince(): number {
    return this.idle[0]?.idleSince ?? Number.POSITIVE_INFINITY;
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
