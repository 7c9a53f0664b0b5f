import { type Check, type CheckStatus, failedLook, logDefect, ok, warning } from './check.ts';
import { checkAudit } from './check-audit.ts';
import { checkHeartbeats, isWorkerAlive } from './check-heartbeats.ts';
import { checkKeys } from './check-keys.ts';
import { checkLimits } from './check-limits.ts';
import { checkQueue } from './check-queue.ts';
import { checkRegistry } from './check-registry.ts';
import { checkServers, type Extent } from './check-servers.ts';
import { checkStuck, checkTemplates } from './check-stuck.ts';
import { checkUntestedServers } from './check-untested-servers.ts';
import type { DoctorNeeds, WorkerNeeds } from './doctor-needs.ts';
import { type Fix, fixServers } from './fix.ts';

/** What operators are told; kept as the result of a task, and so JSON. */
export type DoctorReport = {
  /** Who looked. An API process cannot see the database servers. */
  by: 'worker' | 'api';
  looked_at: string;
  checks: Check[];
  /** What `fix` has done before it looked. */
  fixed: Fix[];
  summary: Record<CheckStatus, number>;
};

type Look = readonly [check: string, subject: string, look: () => Promise<Check[]>];

/** What any process can find out by itself: registry, keys, queue, and whether a worker is alive. */
export function createDoctorHere(needs: DoctorNeeds) {
  return {
    isWorkerAlive: () => isWorkerAlive(needs),
    check: async (): Promise<DoctorReport> =>
      report(needs, 'api', { checks: await runLooks(needs, looksHere(needs)) }),
  };
}

export type DoctorHere = ReturnType<typeof createDoctorHere>;

/** Looks at everything that an installation stands on, and mends what needs no decision. Workers only. */
export function createDoctor(needs: DoctorNeeds & WorkerNeeds) {
  const looks = (signal: AbortSignal): Look[] => [
    ...looksHere(needs, needs.worker),
    ['server.all', 'installation', () => checkServers(needs, 'whole', signal)],
    ['work.findings', 'installation', () => checkFindings(needs, signal)],
  ];

  async function check(signal: AbortSignal, fixed: Fix[] = []): Promise<DoctorReport> {
    return report(needs, 'worker', { checks: await runLooks(needs, looks(signal), signal), fixed });
  }

  return {
    check,
    fix: async (signal: AbortSignal): Promise<DoctorReport> => check(signal, await fixServers(needs, signal)),
    /** What is said at start: the little that nobody notices until it hurts. */
    checkBriefly: (signal: AbortSignal): Promise<Check[]> =>
      checkServers(needs, 'brief' satisfies Extent, signal),
  };
}

export type Doctor = ReturnType<typeof createDoctor>;

function looksHere(needs: DoctorNeeds, worker?: WorkerNeeds['worker']): Look[] {
  return [
    ['registry.reachable', 'registry', () => checkRegistry(needs)],
    ['keys.sealed', 'installation', () => checkKeys(needs, worker)],
    ['queue.redis', 'installation', () => checkQueue(needs)],
    ['limits.place', 'installation', () => checkLimits(needs)],
    ['workers.alive', 'installation', () => checkHeartbeats(needs)],
    ['template.source', 'installation', () => checkTemplates(needs)],
    ['work.stuck', 'installation', () => checkStuck(needs)],
    ['server.tested', 'installation', () => checkUntestedServers(needs)],
    ['audit.chain', 'installation', () => checkAudit(needs)],
  ];
}

/** One look that fails keeps none of the others from being taken. */
async function runLooks(
  { log }: Pick<DoctorNeeds, 'log'>,
  looks: readonly Look[],
  signal?: AbortSignal,
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const [check, subject, look] of looks) {
    try {
      checks.push(...(await look()));
    } catch (error) {
      signal?.throwIfAborted();
      logDefect({ log }, error, { check });
      checks.push(failedLook(check, subject, error));
    }
  }
  return checks;
}

async function checkFindings({ countFindings }: WorkerNeeds, signal: AbortSignal): Promise<Check[]> {
  const told = { check: 'work.findings', subject: 'installation' };
  const findings = await countFindings(signal);
  if (findings === 0) return [ok({ ...told, detail: 'Registry and servers agree.' })];
  const detail = `Registry and servers do not agree in ${findings} thing${findings === 1 ? '' : 's'}.`;
  return [warning({ ...told, detail, remedy: 'See which, and what would be done: tenant-cli reconcile' })];
}

type Findings = { checks: Check[]; fixed?: Fix[] };

function report({ now }: Pick<DoctorNeeds, 'now'>, by: DoctorReport['by'], found: Findings): DoctorReport {
  const { checks, fixed = [] } = found;
  const summary = { ok: 0, warning: 0, problem: 0, unknown: 0 };
  for (const { status } of checks) summary[status] += 1;
  return { by, looked_at: now().toISOString(), checks, fixed, summary };
}
