import type pg from 'pg';

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

  constructor(client: pg.Client, onBroken: (connection: TenantConnection) => void) {
    this.client = client;
    const breakOnce = () => {
      if (this.#isBroken) return;
      this.#isBroken = true;
      onBroken(this);
    };
    // The client has an error listener already; these only note that it is of no more use.
    client.on('error', breakOnce);
    client.once('end', breakOnce);
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Ends it and waits until the server has let it go: before that, its seat is not free. Never throws. */
  async end(): Promise<void> {
    this.#isBroken = true;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, endTimeoutMs);
    });
    await Promise.race([this.client.end().catch(() => undefined), tooLong]);
    clearTimeout(timer);
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
