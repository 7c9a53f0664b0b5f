import type { ConnectionBudget } from './connection-budget.ts';
import { isSettledWithin } from './settled-within.ts';

/** The seats of the budget that are in use here. */
export class TakenSeats {
  readonly #budget: ConnectionBudget;
  #count = 0;
  #onNone: (() => void) | undefined;

  constructor(budget: ConnectionBudget) {
    this.#budget = budget;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether there was a seat; it is taken then. */
  tryTake(serverId: string): boolean {
    if (!this.#budget.tryTake(serverId)) return false;
    this.#count += 1;
    return true;
  }

  giveBack(serverId: string): void {
    this.#count -= 1;
    this.#budget.giveBack(serverId);
    if (this.#count === 0) this.#onNone?.();
  }

  /** Whether all of them are given back before the time is over. */
  async areBackWithin(timeoutMs: number): Promise<boolean> {
    if (this.#count === 0) return true;
    const none = new Promise<void>((resolve) => {
      this.#onNone = resolve;
    });
    return isSettledWithin(none, timeoutMs);
  }
}
