import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { openServerSession } from '../databases/server-session.ts';
import {
  beatProcess,
  enterProcess,
  type NewProcess,
  removeProcess,
} from '../registry/repositories/processes.ts';
import { createBudgetKeeper, type WithServerSession } from '../routing/budget-keeper.ts';
import { createDeadProcesses } from '../routing/dead-processes.ts';
import { createStatementWatchdog } from '../routing/statement-watchdog.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';
import { apiNamePrefix } from './assemble-routing.ts';
import type { Workbench } from './assemble-worker.ts';

const lookEveryMs = 2_000;
/** Each look opens a session on every server. */
const looksPerTotal = 5;
const statementTimeoutMs = 10_000;
/** Beside one for each run: warm databases, templates, reconciling, this look, tasks. */
const otherSessions = 6;
/** As both roles of a tenant for each run, and for warming and reconciling. */
const tenantConnectionsBeside = 4;

/** What a server may take to notice its own time-out. */
const noticeMs = 2_000;

type BudgetParts = { platform: Platform; workbench: Workbench; sharesProcess: boolean };

/** Keeps the budgets of all servers, and counts this worker among those who use them. */
export async function keepBudgets(
  { config, log, shutdown }: ProcessParts,
  { platform, workbench, sharesProcess }: BudgetParts,
): Promise<void> {
  const { registry, applicationName } = platform;
  const entry = entryOf(platform, sharesProcess);
  const withSession: WithServerSession = async (serverId, work) => {
    const server = await workbench.servers.get(serverId);
    const session = await openServerSession(server, { applicationName, statementTimeoutMs });
    return work(session).finally(session.close);
  };
  const keeper = createBudgetKeeper({
    registry,
    withSession,
    ceiling: config.MAX_TOTAL_CONNECTIONS,
    worker: {
      processId: entry.id,
      sessions: config.QUEUE_CONCURRENCY + otherSessions,
      tenantConnections: 2 * config.QUEUE_CONCURRENCY + tenantConnectionsBeside,
    },
    log,
  });
  const dead = createDeadProcesses({ registry, withSession, log });
  const watchdog = createStatementWatchdog({
    registry,
    withSession,
    applicationPrefix: apiNamePrefix,
    limitMs: config.STATEMENT_TIMEOUT_MS + noticeMs,
    log,
  });
  await enterProcess(registry, entry);
  const stop = await repeat(log, async (count) => {
    if (!(await beatProcess(registry, entry.id, {}))) await enterProcess(registry, entry);
    if (count % looksPerTotal === 0) {
      await keeper.look();
      await watchdog.look();
    }
    await dead.bury();
  });
  shutdown.onStop('connection budgets', 3_000, async () => {
    await stop();
    await removeProcess(registry, entry.id);
  });
}

function entryOf({ presenceKey, registryConnections }: Platform, sharesProcess: boolean): NewProcess {
  const id = randomUUID();
  return {
    id,
    role: 'worker',
    host: hostname(),
    applicationName: `tm-worker-${id.slice(0, 8)}`,
    presenceKey: String(presenceKey),
    // Where the API runs in the same process, it has counted them.
    registryConnections: sharesProcess ? 0 : registryConnections,
  };
}

/** Looks once before it returns, and then again and again. What fails is said once, and tried again. */
async function repeat(log: Logger, look: (count: number) => Promise<void>): Promise<() => Promise<void>> {
  const stopping = new AbortController();
  const { signal } = stopping;
  let isFailing = false;

  async function tryLook(count: number): Promise<void> {
    try {
      await look(count);
      isFailing = false;
    } catch (error) {
      const isNews = !isFailing && !signal.aborted;
      if (isNews) log.warn({ err: error }, 'The connection budgets cannot be kept; it is tried again');
      isFailing = true;
    }
  }

  async function live(): Promise<void> {
    for (let count = 1; !signal.aborted; count += 1) {
      await delay(lookEveryMs, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted) await tryLook(count);
    }
  }

  await tryLook(0);
  const life = live();
  return async () => {
    stopping.abort();
    await life;
  };
}
