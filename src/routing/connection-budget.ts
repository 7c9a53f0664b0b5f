/**
 * How many connections to tenants' databases there may be. A seat is taken before a connection is opened and
 * given back when its end has been confirmed, so that the servers never see more of them than seats.
 */
export type ConnectionBudget = {
  /** Whether there was a seat; it is taken then. */
  tryTake(serverId: string): boolean;
  giveBack(serverId: string): void;
  /** Called after every seat that became free, also one of another process or of a raised allowance. */
  onFreed(listener: (serverId: string) => void): void;
  /** Whether a seat given back on the one server can be taken on the other. */
  isShared(serverId: string, otherServerId: string): boolean;
};

/** One ceiling for everything that this process opens, whatever the server. */
export function createProcessBudget(maxConnections: number): ConnectionBudget & { taken(): number } {
  const listeners: ((serverId: string) => void)[] = [];
  let taken = 0;

  return {
    tryTake() {
      if (taken >= maxConnections) return false;
      taken += 1;
      return true;
    },
    giveBack(serverId) {
      if (taken === 0) throw new Error('A seat was given back twice.');
      taken -= 1;
      for (const listener of listeners) listener(serverId);
    },
    onFreed(listener) {
      listeners.push(listener);
    },
    isShared: () => true,
    taken: () => taken,
  };
}
