import { createMessages } from '../../src/registry/messages.ts';
import { createRouting, type Routing, type RoutingLimits } from '../../src/routing/routing.ts';
import { createFixedBudget } from '../support/fixed-budget.ts';
import type { TenantPlace } from '../support/tenant-database.ts';

export type TestRouting = Awaited<ReturnType<typeof startRouting>>;

/** Routing of one process on real tenants. */
export async function startRouting(
  place: TenantPlace,
  maxConnections: number,
  limits: Partial<RoutingLimits> = {},
) {
  const { database, login } = place.registry;
  const messages = createMessages({ login, applicationName: 'test messages', onError: () => undefined });
  await messages.start();
  const budget = createFixedBudget(maxConnections);
  const routing: Routing = createRouting({
    database,
    messages,
    masterSeal: place.masterSeal,
    budget,
    applicationName: 'tm-api-test',
    limits: {
      maxConnectionsPerTenant: 4,
      leaseTimeoutMs: 10_000,
      statementTimeoutMs: 5_000,
      idleTimeoutMs: 60_000,
      ...limits,
    },
  });

  return {
    ...routing,
    budget,
    async close(deadlineMs?: number) {
      await routing.close(deadlineMs);
      await messages.stop();
    },
  };
}
