import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createRouting, type Routing } from '../routing/routing.ts';
import { SharedBudget } from '../routing/shared-budget.ts';
import type { SharedTenants } from '../routing/shared-tenants.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';
import { observeRouting } from './observe-routing.ts';

/** Of a server that no worker has looked at yet, so that nobody knows its max_connections. */
const usualTotal = 20;

/** Of the names under which API processes log in to tenants' databases. */
export const apiNamePrefix = 'tm-api-';

/** From tenant to connection, within this process's share of each server's budget. */
export async function assembleRouting(
  { config, log, shutdown, metrics }: ProcessParts,
  { registry, messages, masterSeal, presenceKey, registryConnections }: Platform,
  sharedTenants: SharedTenants | undefined,
): Promise<Routing> {
  const id = randomUUID();
  // Every tenant of a server can read it.
  const applicationName = `${apiNamePrefix}${id.slice(0, 8)}`;
  const budget = new SharedBudget({
    registry,
    messages,
    process: {
      id,
      role: 'api',
      host: hostname(),
      applicationName,
      presenceKey: String(presenceKey),
      registryConnections,
    },
    usualTotal: Math.min(usualTotal, config.MAX_TOTAL_CONNECTIONS ?? usualTotal),
    stats: () => JSON.parse(JSON.stringify(routing.stats())),
    onError: warnRarely(log),
  });
  const routing = createRouting({
    database: registry,
    messages,
    masterSeal,
    budget,
    sharedTenants,
    applicationName,
    limits: {
      maxConnectionsPerTenant: config.MAX_CONNECTIONS_PER_TENANT,
      minConnectionsPerTenant: Math.min(config.MIN_CONNECTIONS_PER_TENANT, config.MAX_CONNECTIONS_PER_TENANT),
      leaseTimeoutMs: config.LEASE_TIMEOUT_MS,
      statementTimeoutMs: config.STATEMENT_TIMEOUT_MS,
      idleTimeoutMs: config.POOL_IDLE_TIMEOUT,
    },
  });
  await budget.start();
  shutdown.onStop('connection budget', 2_000, () => budget.stop());
  shutdown.onStop('tenant connections', 10_000, () => routing.close(8_000));
  return metrics === undefined ? routing : observeRouting(routing, metrics, shutdown);
}

/** Each request that waits for a connection asks the registry again: an outage would fill the log. */
const warnEveryMs = 30_000;

function warnRarely(log: Logger): (error: unknown) => void {
  let warnedAt = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (performance.now() - warnedAt < warnEveryMs) return;
    warnedAt = performance.now();
    log.warn(
      { err: error },
      'The registry cannot be asked for connections: what is open goes on serving, nothing new is opened until it answers',
    );
  };
}
