import type pg from 'pg';
import { errors } from '../errors/catalogue.ts';
import type { ConnectionBudget } from './connection-budget.ts';
import { type AcquireOptions, Lease, type Return } from './lease.ts';
import {
  isOutOfSlots,
  mapOpenError,
  type OpenTenantDatabase,
  suggestsStaleRoute,
} from './open-tenant-database.ts';
import { createRefusedLogins } from './refused-logins.ts';
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
  readonly leaseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** Called when a login was refused in a way that suggests that the registry knows better by now. */
  readonly onStaleRoute: (tenantId: string) => void;
};

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
  readonly #refused = createRefusedLogins();
  readonly #pools = new Map<string, TenantPool>();
  readonly #connections = new Map<TenantConnection, TenantPool>();
  readonly #leased = new Set<TenantConnection>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #counts = { opened: 0, evicted: 0 };
  #isClosed = false;

  constructor(needs: ConnectionPoolsNeeds) {
    this.#needs = needs;
    this.#seats = new TakenSeats(needs.budget);
    this.#sharing = new SeatSharing({
      budget: needs.budget,
      pools: () => this.#pools.values(),
      serve: (pool) => this.#serve(pool),
      evict: (pool) => this.#evict(pool),
    });
    const sweepMs = Math.max(1, Math.min(needs.idleTimeoutMs / 2, longestSweepMs));
    this.#timers.add(setInterval(() => this.#closeUnused(), sweepMs).unref());
  }

  /** @throws lease_timeout, tenant_database_unavailable, client_closed_request, shutting_down. */
  async acquire(tenantId: string, database: TenantDatabase, options: AcquireOptions): Promise<Lease> {
    if (this.#isClosed) throw errors.shuttingDown();
    if (options.signal?.aborted) throw errors.clientClosedRequest();
    const pool = this.#poolOf(tenantId, database);
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
    for (const timer of this.#timers) clearInterval(timer);
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
    const pools = [...this.#pools.values()];
    const sum = (read: (pool: TenantPool) => number) => pools.reduce((total, pool) => total + read(pool), 0);
    return {
      tenants: pools.filter((pool) => pool.share > 0).length,
      connections: this.#seats.count,
      leased: this.#leased.size,
      idle: sum((pool) => pool.idle.length),
      opening: sum((pool) => pool.opening),
      waiting: sum((pool) => pool.queue.size),
      opened: this.#counts.opened,
      evicted: this.#counts.evicted,
    };
  }

  #poolOf(tenantId: string, database: TenantDatabase): TenantPool {
    this.retireOthers(tenantId, database);
    const known = this.#pools.get(tenantId);
    // The newest description, so that the next comparison need not look into it.
    if (known !== undefined) known.database = database;
    if (known !== undefined && known.share > 0) return known;
    const refusal = this.#refused.find(tenantId, database);
    if (refusal !== undefined) throw refusal;
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
      void this.#open(pool);
    }
    this.#sharing.forget(pool);
    return true;
  }

  async #open(pool: TenantPool): Promise<void> {
    pool.opening += 1;
    this.#counts.opened += 1;
    const outcome = await this.#needs.open(pool.database).then(
      (client) => ({ client }),
      (error: unknown) => ({ error }),
    );
    pool.opening -= 1;
    if ('client' in outcome) this.#start(pool, outcome.client);
    else this.#failOpening(pool, outcome.error);
  }

  #start(pool: TenantPool, client: pg.Client): void {
    pool.noteLogin();
    const connection = new TenantConnection(client, (broken) => this.#closeIdle(pool, broken));
    this.#connections.set(connection, pool);
    this.#settle(pool, connection);
  }

  /** Who waits goes on waiting for what the tenant has, or could have; where that is nothing, it is over. */
  #failOpening(pool: TenantPool, error: unknown): void {
    const isLast = pool.share === 0 && !isOutOfSlots(error);
    if (suggestsStaleRoute(error) && (isLast || !pool.isBackingOff)) this.#needs.onStaleRoute(pool.tenantId);
    if (isLast) {
      this.#refused.note(pool.tenantId, pool.database, error);
      pool.queue.failAll(mapOpenError(error));
    } else if (!pool.isBackingOff && !this.#isClosed) this.#backOff(pool);
    this.#freeSeat(pool);
  }

  #backOff(pool: TenantPool): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      pool.isBackingOff = false;
      this.#serve(pool);
    }, pool.startBackOff());
    this.#timers.add(timer);
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
    if (this.#sharing.mustGiveUp(pool, connection)) {
      this.#evictConnection(pool, connection);
      return;
    }
    if (pool.queue.size > 0) {
      this.#markLeased(pool, connection);
      pool.queue.giveToNext(connection);
      if (!pool.wantsSeat) this.#sharing.forget(pool);
      return;
    }
    pool.putIdle(connection);
    this.#sharing.offerIdle();
  }

  #markLeased(pool: TenantPool, connection: TenantConnection): void {
    pool.leased += 1;
    this.#leased.add(connection);
  }

  #evict(pool: TenantPool): void {
    const connection = pool.idle.shift();
    if (connection !== undefined) this.#evictConnection(pool, connection);
  }

  #evictConnection(pool: TenantPool, connection: TenantConnection): void {
    this.#counts.evicted += 1;
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
    this.#dropIfEmpty(pool);
  }

  #dropIfEmpty(pool: TenantPool): void {
    if (pool.isEmpty && this.#pools.get(pool.tenantId) === pool) this.#pools.delete(pool.tenantId);
  }

  #closeUnused(): void {
    const limit = performance.now() - this.#needs.idleTimeoutMs;
    for (const pool of this.#pools.values()) {
      const unused = pool.idle.filter(({ idleSince }) => idleSince <= limit);
      for (const connection of unused) this.#closeIdle(pool, connection);
    }
  }
}
