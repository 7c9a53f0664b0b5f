import type pg from 'pg';
import { sqlState } from '../databases/sql-state.ts';
import { createLoginBreakers } from './login-breakers.ts';
import {
  isOutOfSlots,
  mapOpenError,
  type OpenTenantDatabase,
  suggestsStaleRoute,
} from './open-tenant-database.ts';
import type { TenantDatabase } from './resolved-tenant.ts';
import { stoodStillMs } from './stood-still.ts';
import type { TenantPool } from './tenant-pool.ts';

export type LoginsNeeds = {
  readonly open: OpenTenantDatabase;
  /** Called when a login was refused in a way that suggests that the registry knows better by now. */
  readonly onStaleRoute: (tenantId: string) => void;
  readonly onOpened: (pool: TenantPool, client: pg.Client) => void;
  /** The seat is to be given back. */
  readonly onRefused: (pool: TenantPool) => void;
  /** Called when a pool that was refused may try again. */
  readonly retry: (pool: TenantPool) => void;
};

/** Logs in for pools that have a seat, and decides what a refused login means for those who wait. */
export class Logins {
  readonly #needs: LoginsNeeds;
  readonly #breakers = createLoginBreakers();
  readonly #timers = new Set<NodeJS.Timeout>();
  #isStopped = false;
  #tried = 0;

  constructor(needs: LoginsNeeds) {
    this.#needs = needs;
  }

  /** How many logins there were, refused ones included. */
  get tried(): number {
    return this.#tried;
  }

  /** @throws why the last logins failed, as long as nobody is to try again. */
  assertNotRefused(tenantId: string, database: TenantDatabase): void {
    const refusal = this.#breakers.find(tenantId, database);
    if (refusal !== undefined) throw refusal;
  }

  async open(pool: TenantPool): Promise<void> {
    pool.opening += 1;
    this.#tried += 1;
    const outcome = await this.#logIn(pool.database).then(
      (client) => ({ client }),
      (error: unknown) => ({ error }),
    );
    pool.opening -= 1;
    if ('client' in outcome) {
      pool.noteLogin();
      this.#breakers.noteSuccess(pool.tenantId);
      this.#needs.onOpened(pool, outcome.client);
    } else this.#fail(pool, outcome.error);
  }

  /** A time-out says nothing of the server where this process stood still meanwhile. */
  async #logIn(database: TenantDatabase): Promise<pg.Client> {
    const before = stoodStillMs();
    try {
      return await this.#needs.open(database);
    } catch (error) {
      if (stoodStillMs() === before || sqlState(error) !== undefined) throw error;
      return this.#needs.open(database);
    }
  }

  /** Nothing is tried again. */
  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** Who waits goes on waiting for what the tenant has, or could have; where that is nothing, it is over. */
  #fail(pool: TenantPool, error: unknown): void {
    const isLast = pool.share === 0 && !isOutOfSlots(error);
    if (suggestsStaleRoute(error) && (isLast || !pool.isBackingOff)) this.#needs.onStaleRoute(pool.tenantId);
    if (isLast) {
      this.#breakers.noteFailure(pool.tenantId, pool.database, error);
      pool.queue.failAll(mapOpenError(error));
    } else if (!pool.isBackingOff && !this.#isStopped) this.#backOff(pool);
    this.#needs.onRefused(pool);
  }

  #backOff(pool: TenantPool): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      pool.isBackingOff = false;
      this.#needs.retry(pool);
    }, pool.startBackOff());
    this.#timers.add(timer);
  }
}
