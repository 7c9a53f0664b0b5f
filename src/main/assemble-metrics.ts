import { readFileSync } from 'node:fs';
import type { Config } from '../config/load-config.ts';
import type { ProcessRole } from '../config/resolve-settings.ts';
import { AppError } from '../errors/app-error.ts';
import type { AnsweredRequest } from '../http/plugins/observe-requests.ts';
import type { EndedRun } from '../provisioning/runner-needs.ts';
import type { Found } from '../reconcile/finding.ts';
import { createMetrics } from '../telemetry/create-metrics.ts';
import { createHostReader } from '../telemetry/host-figures.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Meters } from '../telemetry/meters.ts';
import { packageFile } from './apply-registry-migrations.ts';

type Connections = { leased: number; idle: number };
type Target = 'registry' | 'tenant';

/** What a process measures; undefined in all parts with ENABLE_METRICS=false. */
export type ProcessMetrics = ReturnType<typeof createProcessMetrics>;

type Parts = { config: Config; log: Logger };

export function openMetrics(parts: Parts, role: ProcessRole): ProcessMetrics | undefined {
  return parts.config.ENABLE_METRICS ? createProcessMetrics(parts, role) : undefined;
}

function createProcessMetrics({ log }: Parts, role: ProcessRole) {
  const metrics = createMetrics({
    onReadError: (error, source) =>
      log.warn({ err: error, source }, 'Metrics cannot be read; they are left out until they can'),
  });
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string };
  metrics.meters.buildInfo.set({ version, node: process.version, role }, 1);
  metrics.readAtScrape({
    source: 'host',
    fills: ['hostCpu', 'hostMemory', 'diskFree'],
    read: createHostReader(['/']),
  });
  const connections = new Map<Target, () => Connections>();
  metrics.readAtScrape({
    source: 'connections',
    fills: ['databaseConnections'],
    read: () =>
      [...connections].flatMap(([target, count]) =>
        Object.entries(count()).map(([state, value]) => ({
          meter: 'databaseConnections' as const,
          labels: { target, state },
          value,
        })),
      ),
  });
  return {
    meters: metrics.meters,
    contentType: metrics.contentType,
    readAtScrape: metrics.readAtScrape,
    scrape: metrics.scrape,
    observe: createObservers(metrics.meters),
    countConnections(target: Target, count: () => Connections): void {
      connections.set(target, count);
    },
  };
}

/** What the rooms tell, each in its own words. */
function createObservers(meters: Meters) {
  const queried = (target: Target) => (seconds: number) =>
    meters.databaseQueryTime.observe({ target }, seconds);
  return {
    registryQuery: queried('registry'),
    tenantQuery: queried('tenant'),

    request({ method, route, status, code, seconds }: AnsweredRequest): void {
      meters.apiRequests.inc({ method, route, status: String(status) });
      meters.apiResponseTime.observe({ method, route }, seconds);
      if (code !== undefined) meters.apiErrors.inc({ route, code });
    },

    step(step: string, outcome: string, seconds: number): void {
      meters.provisioningStep.observe({ step, outcome }, seconds);
    },

    runEnd({ kind, outcome, way, plan, seconds }: EndedRun): void {
      if (kind === 'provision') meters.provisioningDuration.observe({ way: way ?? 'none', outcome }, seconds);
      if (outcome !== 'completed') return;
      if (kind === 'provision') meters.tenantCreated.inc({ plan });
      else meters.tenantDeleted.inc({ plan });
    },

    /** Whoever does not compare now says nothing of it. */
    findings(found: readonly Found[] | undefined): void {
      meters.reconcileFindings.reset();
      for (const { kind } of found ?? []) meters.reconcileFindings.inc({ kind });
    },

    loginFailure(error: unknown): void {
      const reason = error instanceof AppError ? error.code : 'internal_error';
      meters.loginFailures.inc({ reason });
    },

    leaseWait(outcome: 'granted' | 'timeout', seconds: number): void {
      meters.leaseWait.observe({ outcome }, seconds);
    },
  };
}
