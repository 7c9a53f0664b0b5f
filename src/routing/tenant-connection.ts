import type pg from 'pg';
import { isSettledWithin } from './settled-within.ts';

/** Longer than any server needs to end a backend that is idle. */
const endTimeoutMs = 5_000;

/** One open connection of one tenant, in use or not. */
export class TenantConnection {
  readonly client: pg.Client;
  readonly openedAt = performance.now();
  idleSince = this.openedAt;
  /** How many leases it has served. */
  served = 0;
  #isBroken = false;
  readonly #ended: Promise<void>;

  constructor(client: pg.Client, onBroken: (connection: TenantConnection) => void) {
    this.client = client;
    const breakOnce = () => {
      if (this.#isBroken) return;
      this.#isBroken = true;
      onBroken(this);
    };
    // The client has an error listener already; these only note that it is of no more use.
    client.on('error', breakOnce);
    this.#ended = new Promise((resolve) => {
      client.once('end', () => {
        resolve();
        breakOnce();
      });
    });
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Whether an answer is outstanding. Also so after the last words of a backend that was ended. */
  get isBusy(): boolean {
    return 'readyForQuery' in this.client && this.client.readyForQuery !== true;
  }

  /** Ends it and waits until the server has let it go: before that, its seat is not free. Never throws. */
  async end(): Promise<void> {
    // A broken one would drop its socket now, while the server may still be ending the backend.
    if (!this.#isBroken) void this.client.end().catch(() => undefined);
    this.#isBroken = true;
    await isSettledWithin(this.#ended, endTimeoutMs);
    this.destroy();
  }

  /** Drops the socket; of no effect on one that has ended. */
  destroy(): void {
    socketOf(this.client)?.destroy();
  }
}

function socketOf(client: pg.Client): { destroy(): void } | undefined {
  return 'connection' in client ? (client.connection as pg.Connection).stream : undefined;
}
