import type pg from 'pg';
import { errors } from '../errors/catalogue.ts';
import type { ConnectionBudget } from './connection-budget.ts';
import { chooseRichest } from './fair-share.ts';
import { type AcquireOptions, Lease, type Return } from './lease.ts';
import { Logins } from './logins.ts';
import type { OpenTenantDatabase } from './open-tenant-database.ts';
import { demandOf, summarizePools } from './pool-figures.ts';
import { isSameDatabase, type TenantDatabase } from './resolved-tenant.ts';
import { endStatements, restoreConnection } from './restore-connection.ts';
import { SeatSharing } from './seat-sharing.ts';
import { TakenSeats } from './taken-seats.ts';
import { TenantConnection } from './tenant-connection.ts';
import { TenantPool } from './tenant-pool.ts';

export type ConnectionPoolsNeeds = {
  readonly open: OpenTenantDatabase;
  readonly budget: ConnectionBudget;
  readonly maxConnectionsPerTenant: number;
  /** Not closed for being unused, as long as the tenant asks for any. */
  readonly minConnectionsPerTenant?: number;
  readonly leaseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Called when a login was refused in a way that suggests that the registry knows better by now. */
  readonly onStaleRoute: (tenantId: string) => void;
};

/** Why an open connection was closed: for a poorer tenant, or for another process. */
type Eviction = 'fairShare' | 'budget';

const longestSweepMs = 30_000;
/** Of the time that `close` has, what is left for statements that must be ended by force. */
const forceMs = 2_000;
const dropMs = 50;

/**
 * The bounded pool of pools. A connection is opened, then leased, restored and idle in turn, then closed; from
 * the first to its confirmed end it holds one seat of the budget. Which tenant gets a seat when there is none
 * left is decided by `SeatSharing`.
 */
export class ConnectionPools {
  readonly #needs: ConnectionPoolsNeeds;
  readonly #seats: TakenSeats;
  readonly #sharing: SeatSharing;
  readonly #logins: Logins;
  readonly #pools = new Map<string, TenantPool>();
  readonly #connections = new Map<TenantConnection, TenantPool>();
  readonly #leased = new Set<TenantConnection>();
  readonly #sweeping: NodeJS.Timeout;
  readonly #evicted = { fairShare: 0, budget: 0 };
  #isClosed = false;

  constructor(needs: ConnectionPoolsNeeds) {
    this.#needs = needs;
    this.#seats = new TakenSeats(needs.budget);
    this.#sharing = new SeatSharing({
      pools: () => this.#pools.values(),
      canRetake: needs.budget.canRetake.bind(needs.budget),
      serve: (pool) => this.#serve(pool),
      evict: (pool) => this.#evict(pool, 'fairShare'),
    });
    this.#logins = new Logins({
      open: needs.open,
      onStaleRoute: needs.onStaleRoute,
      onOpened: (pool, client) => this.#start(pool, client),
      onRefused: (pool) => this.#freeSeat(pool),
      retry: (pool) => this.#serve(pool),
    });
    needs.budget.serve({
      demandOf: (serverId) => demandOf(this.#pools.values(), serverId),
      onFreed: (serverId) => this.#sharing.serveWanting(serverId),
      onOverdrawn: (serverId) => this.#shed(serverId),
    });
    const sweepMs = Math.max(1, Math.min(needs.idleTimeoutMs / 2, longestSweepMs));
    this.#sweeping = setInterval(() => this.#closeUnused(), sweepMs).unref();
  }

  /** @throws lease_timeout, tenant_database_unavailable, client_closed_request, shutting_down. */
  async acquire(tenantId: string, database: TenantDatabase, options: AcquireOptions): Promise<Lease> {
    if (this.#isClosed) throw errors.shuttingDown();
    if (options.signal?.aborted) throw errors.clientClosedRequest();
    const pool = this.#poolOf(tenantId, database);
    pool.noteUse();
    const connection = this.#takeIdle(pool) ?? (await this.#wait(pool, options));
    const giveBack = (how: Return) => this.#takeBack(pool, connection, how);
    return new Lease(connection, giveBack, options.changesSession ?? true);
  }

  has(tenantId: string): boolean {
    return this.#pools.has(tenantId);
  }

  tenantIds(): string[] {
    return [...this.#pools.keys()];
  }

  /** Closes what the tenant has; what is leased is closed when it comes back. Who waits gets the error. */
  retire(tenantId: string, error: Error): void {
    const pool = this.#pools.get(tenantId);
    if (pool === undefined) return;
    this.#pools.delete(tenantId);
    pool.isRetired = true;
    pool.queue.failAll(error);
    this.#sharing.forget(pool);
    for (const connection of [...pool.idle]) this.#closeIdle(pool, connection);
  }

  /** Closes the tenant's connections if they lead to another database than this, or as another role. */
  retireOthers(tenantId: string, database: TenantDatabase): void {
    const pool = this.#pools.get(tenantId);
    if (pool === undefined || isSameDatabase(pool.database, database)) return;
    this.retire(tenantId, errors.tenantDatabaseUnavailable());
  }

  /** Waits for leases first, then ends what they run and takes them back. Leaves no connection open. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#sweeping);
    this.#logins.stop();
    for (const tenantId of this.tenantIds()) this.retire(tenantId, errors.shuttingDown());
    const reservedMs = Math.min(forceMs, deadlineMs / 2);
    if (await this.#seats.areBackWithin(deadlineMs - reservedMs)) return;
    for (const [connection, pool] of this.#connections) {
      if (this.#leased.has(connection)) this.#takeBack(pool, connection, 'cancel');
      else if (connection.isBusy) void endStatements(connection, pool.database.server);
    }
    if (await this.#seats.areBackWithin(reservedMs)) return;
    for (const connection of this.#connections.keys()) connection.destroy();
    // A dropped socket reports its end within this turn of the event loop or the next.
    await this.#seats.areBackWithin(dropMs);
  }

  stats() {
    return {
      ...summarizePools(this.#pools.values()),
      connections: this.#seats.count,
      leased: this.#leased.size,
      opened: this.#logins.tried,
      evicted: { ...this.#evicted },
    };
  }

  #poolOf(tenantId: string, database: TenantDatabase): TenantPool {
    this.retireOthers(tenantId, database);
    const known = this.#pools.get(tenantId);
    // The newest description, so that the next comparison need not look into it.
    if (known !== undefined) known.database = database;
    if (known !== undefined && known.share > 0) return known;
    this.#logins.assertNotRefused(tenantId, database);
    if (known !== undefined) return known;
    const pool = new TenantPool({ tenantId, database, maxConnections: this.#needs.maxConnectionsPerTenant });
    this.#pools.set(tenantId, pool);
    return pool;
  }

  #takeIdle(pool: TenantPool): TenantConnection | undefined {
    // Who waits already comes first.
    const connection = pool.queue.size === 0 ? pool.idle.pop() : undefined;
    if (connection !== undefined) this.#markLeased(pool, connection);
    return connection;
  }

  #wait(pool: TenantPool, { signal, timeoutMs }: AcquireOptions): Promise<TenantConnection> {
    const onLeave = () => {
      if (!pool.wantsSeat) this.#sharing.forget(pool);
      this.#dropIfEmpty(pool);
    };
    const waiting = pool.queue.wait({ timeoutMs: timeoutMs ?? this.#needs.leaseTimeoutMs, signal, onLeave });
    this.#serve(pool);
    return waiting;
  }

  /** Opens what the pool's waiters need. @returns false when the budget has no seat left for it. */
  #serve(pool: TenantPool): boolean {
    while (pool.wantsSeat && !this.#isClosed) {
      if (!this.#seats.tryTake(pool.serverId)) {
        this.#sharing.want(pool);
        return false;
      }
      void this.#logins.open(pool);
    }
    this.#sharing.forget(pool);
    return true;
  }

  #start(pool: TenantPool, client: pg.Client): void {
    const connection = new TenantConnection(client, (broken) => this.#closeIdle(pool, broken));
    this.#connections.set(connection, pool);
    this.#settle(pool, connection);
  }

  #takeBack(pool: TenantPool, connection: TenantConnection, how: Return): void {
    // Not there any more: `close` took it.
    if (!this.#leased.delete(connection)) return;
    pool.leased -= 1;
    connection.served += 1;
    if (how === 'reuse') this.#settle(pool, connection);
    else void this.#restore(pool, connection, how);
  }

  async #restore(pool: TenantPool, connection: TenantConnection, how: Exclude<Return, 'reuse'>) {
    // Nobody should wait for one that has a statement to end first: it may take long, and end with a new one.
    const state = how === 'reset' && !connection.isBusy ? 'resetting' : 'closing';
    pool[state] += 1;
    const isUsable = await restoreConnection(connection, how, pool.database.server);
    pool[state] -= 1;
    if (isUsable) this.#settle(pool, connection);
    else void this.#close(pool, connection);
  }

  /** A connection at rest goes to a poorer tenant as a seat, to who waits for it, or stays for the next. */
  #settle(pool: TenantPool, connection: TenantConnection): void {
    if (connection.isBroken || pool.isRetired || this.#isClosed) {
      void this.#close(pool, connection);
      return;
    }
    const reason = this.#whyToGiveUp(pool, connection);
    if (reason !== undefined) {
      this.#evictConnection(pool, connection, reason);
      return;
    }
    if (pool.queue.size > 0) {
      this.#markLeased(pool, connection);
      pool.queue.giveToNext(connection);
      if (!pool.wantsSeat) this.#sharing.forget(pool);
      return;
    }
    pool.putIdle(connection);
    this.#sharing.offerIdle(pool.serverId);
  }

  #whyToGiveUp(pool: TenantPool, connection: TenantConnection): Eviction | undefined {
    if (this.#overdraft(pool.serverId) > 0) return 'budget';
    return this.#sharing.mustGiveUp(pool, connection) ? 'fairShare' : undefined;
  }

  /** How many connections beyond those that are closing already have to be closed. */
  #overdraft(serverId: string): number {
    return this.#needs.budget.overdraft(serverId) - this.#sharing.closingOn(serverId);
  }

  #shed(serverId: string): void {
    while (this.#overdraft(serverId) > 0) {
      const pool = chooseRichest(this.#pools.values(), serverId);
      // What is leased is closed when it comes back.
      if (pool === undefined) return;
      this.#evict(pool, 'budget');
    }
  }

  #markLeased(pool: TenantPool, connection: TenantConnection): void {
    pool.leased += 1;
    this.#leased.add(connection);
  }

  #evict(pool: TenantPool, reason: Eviction): void {
    const connection = pool.idle.shift();
    if (connection !== undefined) this.#evictConnection(pool, connection, reason);
  }

  #evictConnection(pool: TenantPool, connection: TenantConnection, reason: Eviction): void {
    this.#evicted[reason] += 1;
    void this.#close(pool, connection);
  }

  #closeIdle(pool: TenantPool, connection: TenantConnection): void {
    if (pool.removeIdle(connection)) void this.#close(pool, connection);
  }

  async #close(pool: TenantPool, connection: TenantConnection): Promise<void> {
    pool.closing += 1;
    this.#sharing.startClosing(pool);
    await connection.end();
    this.#connections.delete(connection);
    pool.closing -= 1;
    this.#sharing.finishClosing(pool);
    this.#freeSeat(pool);
  }

  #freeSeat(pool: TenantPool): void {
    this.#seats.giveBack(pool.serverId);
    this.#serve(pool);
    // The seat may have gone to another process.
    this.#sharing.offerIdle(pool.serverId);
    this.#dropIfEmpty(pool);
  }

  #dropIfEmpty(pool: TenantPool): void {
    if (pool.isEmpty && this.#pools.get(pool.tenantId) === pool) this.#pools.delete(pool.tenantId);
  }

  #closeUnused(): void {
    const { idleTimeoutMs, minConnectionsPerTenant = 0 } = this.#needs;
    for (const pool of this.#pools.values()) {
      for (const connection of pool.unusedFor(idleTimeoutMs, minConnectionsPerTenant)) {
        this.#closeIdle(pool, connection);
      }
    }
  }
}
