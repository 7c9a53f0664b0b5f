/**
 * How many connections to tenants' databases there may be on each server. A seat is taken before a connection is
 * opened and given back when its end has been confirmed, so that the servers never see more of them than seats.
 */
export type ConnectionBudget = {
  /** Whether there was a seat; it is taken then. */
  tryTake(serverId: string): boolean;
  giveBack(serverId: string): void;
  /** Whether a seat that is given back can be taken again at once. Where not, nobody is helped by closing one. */
  canRetake(serverId: string): boolean;
  /** How many more seats are taken than there may be by now: so many are to be closed as they come to rest. */
  overdraft(serverId: string): number;
  /** By server, for operators. */
  stats?(): BudgetFigures[];
  /** Who uses the seats. To be called once, before the first is taken. */
  serve(user: BudgetUser): void;
};

export type BudgetUser = {
  /** How many seats it would use now, those that it has included. */
  demandOf(serverId: string): number;
  /** Called when seats may be there to take: one was given back, the allowance was raised, or holds again. */
  onFreed(serverId: string): void;
  /** Called when there may be fewer than are taken: what is idle is to be closed. */
  onOverdrawn(serverId: string): void;
};

/** Connections to one server: what this process has, may have, and would use. */
export type BudgetFigures = { server_id: string; taken: number; allowance: number; demand: number };
