import type { BudgetUser, ConnectionBudget } from '../../src/routing/connection-budget.ts';

/** A number of seats on each server, which nobody else uses. */
export function createFixedBudget(total: number): ConnectionBudget & { taken(): number } {
  const taken = new Map<string, number>();
  let user: BudgetUser | undefined;
  const countOn = (serverId: string) => taken.get(serverId) ?? 0;
  return {
    tryTake(serverId) {
      if (countOn(serverId) >= total) return false;
      taken.set(serverId, countOn(serverId) + 1);
      return true;
    },
    giveBack(serverId) {
      if (countOn(serverId) === 0) throw new Error('A seat was given back twice.');
      taken.set(serverId, countOn(serverId) - 1);
      user?.onFreed(serverId);
    },
    canRetake: () => true,
    overdraft: (serverId) => Math.max(0, countOn(serverId) - total),
    serve(next) {
      user = next;
    },
    taken: () => [...taken.values()].reduce((sum, count) => sum + count, 0),
  };
}
