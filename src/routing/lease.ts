import type pg from 'pg';
import type { TenantConnection } from './tenant-connection.ts';

/**
 * What becomes of the connection: `reuse` as it is, `reset` the session first, `discard` it, or `cancel` what
 * it is running and discard it then.
 */
export type Return = 'reuse' | 'reset' | 'discard' | 'cancel';

export type LeaseOptions = {
  /** Gives up waiting. */
  readonly signal?: AbortSignal;
  /**
   * False promises that nothing outlives a transaction: no settings, temporary tables, session locks, LISTEN.
   * It saves a round trip. True unless said otherwise.
   */
  readonly changesSession?: boolean;
};

export type AcquireOptions = LeaseOptions & {
  /** Instead of the usual lease time-out. */
  readonly timeoutMs?: number;
};

/** A connection of one tenant's own role, for one request. It goes back exactly once, however often asked. */
export class Lease {
  readonly #connection: TenantConnection;
  readonly #giveBack: (how: Return) => void;
  readonly #changesSession: boolean;
  #isReturned = false;

  constructor(connection: TenantConnection, giveBack: (how: Return) => void, changesSession: boolean) {
    this.#connection = connection;
    this.#giveBack = giveBack;
    this.#changesSession = changesSession;
  }

  get client(): pg.Client {
    if (this.#isReturned) throw new Error('The lease was given back: its connection may be serving another.');
    return this.#connection.client;
  }

  /** With an error, the connection is thrown away: its user cannot tell in what state it is. */
  release(error?: unknown): void {
    if (error !== undefined) this.#return('discard');
    else this.#return(this.#changesSession || !this.#isAtRest() ? 'reset' : 'reuse');
  }

  /** For when nobody waits for the answer any more: ends a running statement, too. */
  abandon(): void {
    this.#return('cancel');
  }

  #isAtRest(): boolean {
    return !this.#connection.isBusy && this.#connection.client.getTransactionStatus() === 'I';
  }

  #return(how: Return): void {
    if (this.#isReturned) return;
    this.#isReturned = true;
    this.#giveBack(how);
  }
}
