import { countBackends } from '../databases/connection-room.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { listServersOfShares } from '../registry/repositories/connection-shares.ts';
import {
  isAbsent,
  type ListedProcess,
  listProcesses,
  removeProcess,
} from '../registry/repositories/processes.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { WithServerSession } from './budget-keeper.ts';

export type DeadProcessesNeeds = {
  registry: RegistryDatabase;
  withSession: WithServerSession;
  log: Logger;
  /**
   * For how long a process must have been silent: longer than its allowance holds and a login takes, so that it
   * opens nothing any more.
   */
  deadAfterMs?: number;
  /** After an outage of the registry all are silent: each gets this long to say that it is alive. */
  graceMs?: number;
};

const usual = { deadAfterMs: 15_000, graceMs: 4_000 };

/**
 * Takes back what dead processes had of the servers' budgets. A process is dead when it is silent, has no session
 * with the registry, and no server has a connection of it; one that was only stopped keeps what it has.
 */
export function createDeadProcesses({ registry, withSession, log, ...times }: DeadProcessesNeeds) {
  const { deadAfterMs, graceMs } = { ...usual, ...times };
  const silentSince = new Map<string, number>();

  /** Those that this process has seen silent for a while. */
  function chooseSilent(processes: readonly ListedProcess[]): ListedProcess[] {
    const now = performance.now();
    const silent = new Map(
      processes.filter((each) => each.silentMs > deadAfterMs).map((each) => [each.id, each]),
    );
    for (const id of silentSince.keys()) if (!silent.has(id)) silentSince.delete(id);
    for (const id of silent.keys()) if (!silentSince.has(id)) silentSince.set(id, now);
    return [...silent.values()].filter(({ id }) => now - (silentSince.get(id) ?? now) >= graceMs);
  }

  async function hasConnections(serverId: string, applicationName: string): Promise<boolean> {
    return withSession(serverId, async (session) => (await countBackends(session, applicationName)) > 0);
  }

  /** Its presence lock is held meanwhile, so that it cannot come back in between. */
  async function bury({ id, applicationName }: ListedProcess): Promise<boolean> {
    return registry.transaction().execute(async (trx) => {
      if (!(await isAbsent(trx, id))) return false;
      const servers = await listServersOfShares(trx, id);
      for (const serverId of servers) if (await hasConnections(serverId, applicationName)) return false;
      await removeProcess(trx, id);
      for (const serverId of servers) {
        await publish(trx, { kind: 'connections.changed', serverId, processId: id });
      }
      return true;
    });
  }

  return {
    /** One look. @throws what registry and servers throw. */
    async bury(): Promise<void> {
      for (const process of chooseSilent(await listProcesses(registry))) {
        if (!(await bury(process))) continue;
        const { applicationName, host } = process;
        log.warn(
          { process: applicationName, host },
          'A process is dead; what it had of the connections is free',
        );
      }
    },
  };
}
