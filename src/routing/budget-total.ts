export type ServerRoom = {
  readonly maxConnections: number;
  readonly reserved: number;
  /** Of all processes, to the registry; nothing where that is another server. */
  readonly registryConnections: number;
  /** Sessions of all workers as the platform's login. */
  readonly workerSessions: number;
  /** MAX_TOTAL_CONNECTIONS; undefined where the server alone decides. */
  readonly ceiling: number | undefined;
};

export type BudgetSum = { total: number; explanation: string; isClamped: boolean };

/** For people who come when something is wrong, and for monitoring. */
const forPeople = 3;
/** Fewer would be no service at all; the server then refuses some, who wait. */
const least = 2;

/** What of a server's connections tenants may have, and the sum that says why. */
export function budgetOf(room: ServerRoom): BudgetSum {
  const { maxConnections, reserved, registryConnections, workerSessions, ceiling } = room;
  const left = maxConnections - reserved - registryConnections - workerSessions - forPeople;
  const sum = [
    `max_connections ${maxConnections}`,
    `− ${reserved} reserved`,
    `− ${registryConnections} to the registry`,
    `− ${workerSessions} of workers`,
    `− ${forPeople} for people`,
    `= ${left}`,
  ].join(' ');
  const isCeilingTooHigh = ceiling !== undefined && ceiling > left;
  const total = Math.max(least, Math.min(left, ceiling ?? left));
  const explanation = ceiling === undefined ? sum : `${sum}; MAX_TOTAL_CONNECTIONS is ${ceiling}`;
  return { total, explanation, isClamped: isCeilingTooHigh || left < least };
}
