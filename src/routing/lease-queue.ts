import { errors } from '../errors/catalogue.ts';
import { stoodStillMs } from './stood-still.ts';
import type { TenantConnection } from './tenant-connection.ts';

export type Wait = {
  /** Of time in which this process could serve: while it stands still, nobody's runs out. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** Called when the waiter left without a connection. */
  readonly onLeave: () => void;
};

type Waiter = {
  readonly since: number;
  give(connection: TenantConnection): void;
  fail(error: Error): void;
};

/** Of one tenant and process: whoever comes then would hardly be served in time, and takes memory from all. */
const maxWaiting = 1_000;

/** Requests of one tenant that wait for a connection: first come, first served. */
export class LeaseQueue {
  readonly #waiters = new Set<Waiter>();

  get size(): number {
    return this.#waiters.size;
  }

  /** Monotonic milliseconds; Infinity when nobody waits. */
  get oldestSince(): number {
    const [oldest] = this.#waiters;
    return oldest?.since ?? Number.POSITIVE_INFINITY;
  }

  /** @throws too_many_waiting, lease_timeout, client_closed_request, or what `failAll` was given. */
  async wait({ timeoutMs, signal, onLeave }: Wait): Promise<TenantConnection> {
    if (this.#waiters.size >= maxWaiting) throw errors.tooManyWaiting(this.#waiters.size);
    return new Promise((resolve, reject) => {
      const leave = (error: Error) => {
        waiter.fail(error);
        onLeave();
      };
      const onAbort = () => leave(errors.clientClosedRequest());
      const end = () => leave(errors.leaseTimeout(timeoutMs));
      let stoodStill = stoodStillMs();
      const onTime = () => {
        const missedMs = stoodStillMs() - stoodStill;
        if (missedMs === 0) return end();
        stoodStill += missedMs;
        timer = setTimeout(onTime, missedMs);
      };
      let timer = setTimeout(onTime, timeoutMs);
      const settle = () => {
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        since: performance.now(),
        give: (connection) => {
          settle();
          resolve(connection);
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Hands the connection to whoever waits longest; the queue must not be empty. */
  giveToNext(connection: TenantConnection): void {
    const [next] = this.#waiters;
    if (next === undefined) throw new Error('Nobody waits for this connection.');
    next.give(connection);
  }

  failAll(error: Error): void {
    for (const waiter of [...this.#waiters]) waiter.fail(error);
  }
}
