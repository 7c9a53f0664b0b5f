import { performance } from 'node:perf_hooks';
import { type Messages, publish } from '../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { lockBudget, writeShare } from '../registry/repositories/connection-shares.ts';
import {
  beatProcess,
  enterProcess,
  type NewProcess,
  removeProcess,
} from '../registry/repositories/processes.ts';
import type { Json } from '../registry/tables.generated.ts';
import type { BudgetFigures, BudgetUser, ConnectionBudget } from './connection-budget.ts';
import { nextShare } from './connection-shares.ts';
import { createPaced } from './paced.ts';

export type SharedBudgetNeeds = {
  registry: RegistryDatabase;
  messages: Pick<Messages, 'on' | 'onReconnect'>;
  process: NewProcess;
  /** Of a server that no worker has looked at yet. */
  usualTotal: number;
  /** What operators are told of this process with every beat. */
  stats: () => Json;
  /** Told when the registry cannot be asked; it is asked again. */
  onError: (error: unknown) => void;
  times?: Partial<BudgetTimes>;
};

export type BudgetTimes = {
  beatMs: number;
  /**
   * For how long an allowance holds after the registry has confirmed it. Whoever takes a process for dead waits
   * longer than this, so that one that was only stopped opens nothing with what is others' by then.
   */
  validMs: number;
  /** Least pause between two looks at one server's shares. */
  paceMs: number;
};

const usualBudgetTimes: BudgetTimes = { beatMs: 1_000, validMs: 8_000, paceMs: 20 };

type Seats = {
  taken: number;
  /** What this process obeys; never above its allowance in the registry. */
  limit: number;
  /** Its allowance in the registry, as far as is known. */
  allowance: number;
  /** The highest of late: what is leased at this very moment says little. */
  demand: number;
};

/** Of the highest demand of late, what counts after each beat. */
const demandDecay = 0.7;

/**
 * The budget of each database server, shared by all processes through the registry. Each has an allowance there;
 * their sum is changed under a row lock, and a process opens connections within its own without asking. What it
 * asks for in vain is told to the others, who give up what is above their fair part.
 */
export class SharedBudget implements ConnectionBudget {
  readonly #needs: SharedBudgetNeeds;
  readonly #times: BudgetTimes;
  readonly #servers = new Map<string, Seats>();
  readonly #settling: ReturnType<typeof createPaced>;
  readonly #stopListening: () => void;
  #user: BudgetUser | undefined;
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** Counts how often it began with nothing: what was agreed before that holds no more. */
  #life = 0;
  #confirmedAt = Number.NEGATIVE_INFINITY;

  constructor(needs: SharedBudgetNeeds) {
    this.#needs = needs;
    this.#times = { ...usualBudgetTimes, ...needs.times };
    this.#settling = createPaced((serverId) => this.#settle(serverId), this.#times.paceMs);
    this.#stopListening = needs.messages.on('connections.changed', ({ serverId, processId }) => {
      if (processId !== needs.process.id && this.#servers.has(serverId)) this.#settling.ask(serverId);
    });
    needs.messages.onReconnect(() => this.#settleAll());
  }

  /** Enters the list of processes. @throws what the registry throws. */
  async start(): Promise<void> {
    await this.#enter();
    this.#timer = setInterval(() => {
      this.#beating = this.#beating.then(() => this.#beat());
    }, this.#times.beatMs);
  }

  /** Leaves the list, and with it gives back what it may use: to be called when no seat is taken any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#stopListening();
    this.#settling.stop();
    await this.#beating;
    const { registry, process } = this.#needs;
    await registry.transaction().execute(async (trx) => {
      await removeProcess(trx, process.id);
      for (const serverId of this.#servers.keys()) await this.#tell(trx, serverId);
    });
  }

  serve(user: BudgetUser): void {
    this.#user = user;
  }

  tryTake(serverId: string): boolean {
    const seats = this.#seatsOf(serverId);
    if (seats.taken < seats.limit && this.#isValid) {
      seats.taken += 1;
      return true;
    }
    this.#settling.ask(serverId);
    return false;
  }

  giveBack(serverId: string): void {
    const seats = this.#seatsOf(serverId);
    if (seats.taken === 0) throw new Error('A seat was given back twice.');
    seats.taken -= 1;
    // The registry still counts it as this process's, until it is told.
    if (seats.allowance > Math.max(seats.limit, seats.taken)) this.#settling.ask(serverId);
    if (seats.taken < seats.limit) this.#user?.onFreed(serverId);
  }

  canRetake(serverId: string): boolean {
    return this.#isValid && this.overdraft(serverId) === 0;
  }

  overdraft(serverId: string): number {
    const { taken, limit } = this.#seatsOf(serverId);
    return Math.max(0, taken - limit);
  }

  stats(): BudgetFigures[] {
    return [...this.#servers].map(([server_id, { taken, limit, demand }]) => ({
      server_id,
      taken,
      allowance: limit,
      demand,
    }));
  }

  get #isValid(): boolean {
    return performance.now() - this.#confirmedAt < this.#times.validMs;
  }

  #seatsOf(serverId: string): Seats {
    const known = this.#servers.get(serverId);
    if (known !== undefined) return known;
    const seats = { taken: 0, limit: 0, allowance: 0, demand: 0 };
    this.#servers.set(serverId, seats);
    return seats;
  }

  async #enter(): Promise<void> {
    const since = performance.now();
    await enterProcess(this.#needs.registry, this.#needs.process);
    this.#confirmedAt = since;
  }

  async #beat(): Promise<void> {
    if (this.#isStopped) return;
    const since = performance.now();
    const wasValid = this.#isValid;
    try {
      const isListed = await beatProcess(this.#needs.registry, this.#needs.process.id, this.#needs.stats());
      if (isListed) this.#confirmedAt = since;
      // Taken for dead, with all connections gone: it begins again with nothing.
      else await this.#enterAgain();
    } catch (error) {
      this.#needs.onError(error);
      return;
    }
    for (const [serverId, seats] of this.#servers) {
      seats.demand = Math.floor(seats.demand * demandDecay);
      if (!wasValid) this.#user?.onFreed(serverId);
    }
    this.#settleAll();
  }

  async #enterAgain(): Promise<void> {
    this.#life += 1;
    for (const seats of this.#servers.values()) Object.assign(seats, { limit: 0, allowance: 0 });
    for (const serverId of this.#servers.keys()) this.#user?.onOverdrawn(serverId);
    await this.#enter();
  }

  #settleAll(): void {
    for (const serverId of this.#servers.keys()) this.#settling.ask(serverId);
  }

  /** Asks how much of the server's budget this process may have now, and obeys. */
  async #settle(serverId: string): Promise<void> {
    if (this.#isStopped) return;
    const seats = this.#seatsOf(serverId);
    seats.demand = Math.max(seats.demand, this.#user?.demandOf(serverId) ?? 0);
    const life = this.#life;
    try {
      const limit = await this.#needs.registry
        .transaction()
        .execute((trx) => this.#agree(trx, serverId, seats));
      if (life !== this.#life) return;
      const isRaised = limit > seats.limit;
      seats.limit = limit;
      if (isRaised && seats.taken < limit) this.#user?.onFreed(serverId);
    } catch (error) {
      this.#needs.onError(error);
    }
  }

  /** @returns the limit that holds once this is committed, where it is a raise; a lower one holds at once. */
  async #agree(trx: RegistryTransaction, serverId: string, seats: Seats): Promise<number> {
    const { process, usualTotal } = this.#needs;
    const { total, shares } = await lockBudget(trx, serverId, usualTotal);
    const before = shares.find(({ processId }) => processId === process.id);
    const own = {
      processId: process.id,
      allowance: before?.allowance ?? 0,
      demand: seats.demand,
      isFixed: false,
    };
    const others = shares.filter(({ processId }) => processId !== process.id);
    const { limit, isUnmet } = nextShare({ total, shares: [...others, own], processId: process.id });
    this.#lower(serverId, seats, limit);
    // Nobody else may count on a connection that is not closed yet.
    const allowance = Math.max(limit, seats.taken);
    if (before?.allowance !== allowance || before.demand !== own.demand) {
      await writeShare(trx, { serverId, ...own, allowance });
    }
    seats.allowance = allowance;
    const asksForMore = isUnmet && own.demand > (before?.demand ?? 0);
    if (asksForMore || allowance < own.allowance) await this.#tell(trx, serverId);
    return limit;
  }

  #lower(serverId: string, seats: Seats, limit: number): void {
    if (limit >= seats.limit) return;
    seats.limit = limit;
    if (seats.taken > limit) this.#user?.onOverdrawn(serverId);
  }

  #tell(trx: RegistryTransaction, serverId: string): Promise<void> {
    return publish(trx, { kind: 'connections.changed', serverId, processId: this.#needs.process.id });
  }
}
