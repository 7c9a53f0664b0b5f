import { endOverdueStatements } from '../databases/overdue-statements.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { listServers } from '../registry/repositories/database-servers.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { WithServerSession } from './budget-keeper.ts';

export type StatementWatchdogNeeds = {
  registry: RegistryDatabase;
  withSession: WithServerSession;
  /** Of application names of the processes that serve requests. */
  applicationPrefix: string;
  /** STATEMENT_TIMEOUT_MS, and what a server may need to notice it. */
  limitMs: number;
  log: Logger;
};

/** After it was cancelled in vain. */
const patienceMs = 10_000;

/** Ends what requests left running on the servers beyond every limit, whatever a tenant did to lift it. */
export function createStatementWatchdog({ registry, withSession, log, ...limits }: StatementWatchdogNeeds) {
  return {
    /** One look at every server where the platform's login may end statements of others. */
    async look(): Promise<void> {
      for (const { id, name } of await listServers(registry)) {
        const ended = await withSession(id, async (session) =>
          session.features.canSignalBackends || session.features.isSuperuser
            ? endOverdueStatements(session, { ...limits, patienceMs })
            : [],
        );
        for (const each of ended) {
          log.warn({ server: name, ...each }, 'A tenant’s statement ran beyond every limit; it was ended');
        }
      }
    },
  };
}
