/** One process's part of a server's budget. `demand` is what it would use now if it could. */
export type ProcessShare = {
  readonly processId: string;
  readonly allowance: number;
  readonly demand: number;
  /** Given whatever the others ask for, and never to be lowered by them. */
  readonly isFixed: boolean;
};

export type ShareQuestion = {
  readonly total: number;
  /** Of everybody, the one who asks included. */
  readonly shares: readonly ProcessShare[];
  readonly processId: string;
};

export type ShareAnswer = {
  /** How many connections the process may have from now on. Those beyond it are closed as they come back. */
  readonly limit: number;
  /** Whether it asks for more than it gets, which others would have to give up. */
  readonly isUnmet: boolean;
};

/**
 * How much of a server's budget a process may use. Where all demands fit, what is left over stays with whoever
 * has it; where somebody asks in vain, those above their fair part go down to it. Fair is max-min: nobody gets
 * less than an equal part unless it asks for less (Bertsekas and Gallager, Data Networks, 6.5.2).
 *
 * A raise only takes what is free, so that the sum never exceeds the total by one.
 */
export function nextShare({ total, shares, processId }: ShareQuestion): ShareAnswer {
  const free = total - sum(shares.map(({ allowance }) => allowance));
  const flexible = shares.filter(({ isFixed }) => !isFixed);
  const available = Math.max(0, total - sum(shares.map((share) => (share.isFixed ? share.allowance : 0))));
  const needs = fillFairly(
    flexible.map(({ demand }) => demand),
    available,
  );
  const spare = shareOut(available - sum(needs), flexible.length);
  const own = flexible.findIndex((share) => share.processId === processId);
  const [share, need, extra] = [flexible[own], needs[own], spare[own]];
  if (share === undefined || need === undefined || extra === undefined) {
    throw new Error('The process that asks must be among the shares.');
  }
  const unmet = sum(flexible.map(({ allowance }, index) => Math.max(0, (needs[index] ?? 0) - allowance)));
  const isUnmet = need > share.allowance + Math.max(0, free);
  const unmetOfOthers = unmet - Math.max(0, need - share.allowance);
  const fairPart = need + extra;
  const mustYield = free < 0 || unmetOfOthers > Math.max(0, free);
  if (mustYield && share.allowance > fairPart) return { limit: fairPart, isUnmet };
  return {
    limit: Math.max(share.allowance, Math.min(fairPart, share.allowance + Math.max(0, free))),
    isUnmet,
  };
}

/** The smallest demands are met first; those who ask for more share the rest equally. */
function fillFairly(demands: readonly number[], available: number): number[] {
  const parts = demands.map(() => 0);
  const byDemand = demands.map((_, index) => index).sort((a, b) => (demands[a] ?? 0) - (demands[b] ?? 0));
  let left = available;
  for (const [rank, index] of byDemand.entries()) {
    const part = Math.min(demands[index] ?? 0, Math.ceil(left / (byDemand.length - rank)));
    parts[index] = part;
    left -= part;
  }
  return parts;
}

/** As equal as whole numbers can be; the first ones get the rest. */
function shareOut(amount: number, count: number): number[] {
  const each = Math.floor(amount / Math.max(1, count));
  const rest = amount - each * count;
  return Array.from({ length: count }, (_, index) => each + (index < rest ? 1 : 0));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
