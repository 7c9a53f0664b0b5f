import { readConnectionRoom } from '../databases/connection-room.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { lockBudget, writeBudget, writeShare } from '../registry/repositories/connection-shares.ts';
import { type DatabaseServerRow, listServers } from '../registry/repositories/database-servers.ts';
import { listProcesses, readRegistryStart } from '../registry/repositories/processes.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type BudgetSum, budgetOf } from './budget-total.ts';

/** A session of the platform on that server for as long as the work takes. */
export type WithServerSession = <Result>(
  serverId: string,
  work: (session: ServerSession) => Promise<Result>,
) => Promise<Result>;

export type BudgetKeeperNeeds = {
  registry: RegistryDatabase;
  withSession: WithServerSession;
  /** MAX_TOTAL_CONNECTIONS. */
  ceiling: number | undefined;
  worker: {
    processId: string;
    /** As the platform, on one server. */
    sessions: number;
    /** As tenants' roles, on one server: checks and seeds. */
    tenantConnections: number;
  };
  log: Logger;
};

/** Works out what tenants may have of each server's connections, and keeps this worker's own part of it. */
export function createBudgetKeeper({ registry, withSession, ceiling, worker, log }: BudgetKeeperNeeds) {
  const said = new Map<string, string>();

  async function workOut(serverId: string): Promise<BudgetSum & { maxConnections: number }> {
    const room = await withSession(serverId, readConnectionRoom);
    const processes = await listProcesses(registry);
    const isRegistryThere = (await readRegistryStart(registry)) === room.startedAt;
    const inRegistry = processes.reduce((sum, process) => sum + process.registryConnections, 0);
    const workers = processes.filter(({ role }) => role === 'worker').length;
    const sum = budgetOf({
      ...room,
      registryConnections: isRegistryThere ? inRegistry : 0,
      workerSessions: workers * worker.sessions,
      ceiling,
    });
    return { ...sum, maxConnections: room.maxConnections };
  }

  async function keep(server: DatabaseServerRow): Promise<void> {
    const { isClamped, ...budget } = await workOut(server.id);
    await registry.transaction().execute(async (trx) => {
      const isChanged = await writeBudget(trx, { serverId: server.id, ...budget });
      await keepOwnShare(trx, server.id, budget.total);
      if (!isChanged) return;
      const { processId } = worker;
      await publish(trx, { kind: 'connections.changed', serverId: server.id, processId });
    });
    if (isClamped) warnOnce(server, budget);
  }

  async function keepOwnShare(trx: RegistryTransaction, serverId: string, total: number): Promise<void> {
    const { processId, tenantConnections } = worker;
    const { shares } = await lockBudget(trx, serverId, total);
    const before = shares.find((share) => share.processId === processId);
    const allowance = Math.min(tenantConnections, Math.floor(total / 2));
    if (before?.allowance === allowance) return;
    await writeShare(trx, { serverId, processId, allowance, demand: allowance, isFixed: true });
  }

  function warnOnce(
    { id, name }: DatabaseServerRow,
    { total, explanation }: Omit<BudgetSum, 'isClamped'>,
  ): void {
    if (said.get(id) === explanation) return;
    said.set(id, explanation);
    log.warn(
      { server: name, budget: total },
      `Tenants may have ${total} connections of server "${name}", and not more: ${explanation}. Raise max_connections, or lower MAX_TOTAL_CONNECTIONS, REGISTRY_DB_POOL_MAX or QUEUE_CONCURRENCY.`,
    );
  }

  return {
    /** One look at every server. @throws the first error; the others are still looked at. */
    async look(): Promise<void> {
      const results = await Promise.allSettled((await listServers(registry)).map(keep));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}
