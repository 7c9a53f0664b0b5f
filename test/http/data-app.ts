import { createDataApi } from '../../src/data-api/data-api.ts';
import { errors } from '../../src/errors/catalogue.ts';
import { addRequestTenant } from '../../src/http/plugins/tenant.ts';
import { dataRoutes } from '../../src/http/routes/data.ts';
import { createMessages } from '../../src/registry/messages.ts';
import { createRouting, type RoutingLimits } from '../../src/routing/routing.ts';
import { createFixedBudget } from '../support/fixed-budget.ts';
import type { TenantPlace, TestTenant } from '../support/tenant-database.ts';
import { createTestApp } from './test-app.ts';

export type DataApp = Awaited<ReturnType<typeof createDataApp>>;

type DataAppOptions = {
  maxConnections?: number;
  limits?: Partial<RoutingLimits>;
  extraRoutes?: Parameters<typeof createTestApp>[0];
};

/** The data API of the given tenants as one process has it, with tokens `<role> <tenant id>`. */
export async function createDataApp(place: TenantPlace, options: DataAppOptions = {}) {
  const { maxConnections = 10, limits = {}, extraRoutes = [] } = options;
  const { database, login } = place.registry;
  const messages = createMessages({ login, applicationName: 'test messages', onError: () => undefined });
  await messages.start();
  const budget = createFixedBudget(maxConnections);
  const routing = createRouting({
    database,
    messages,
    masterSeal: place.masterSeal,
    budget,
    applicationName: 'tm-api-test',
    limits: {
      maxConnectionsPerTenant: 4,
      leaseTimeoutMs: 5_000,
      statementTimeoutMs: 2_000,
      idleTimeoutMs: 60_000,
      ...limits,
    },
  });
  const dataApi = createDataApi({
    maxRows: 100,
    statementTimeoutMs: limits.statementTimeoutMs ?? 2_000,
    hiddenSchemas: ['tm_ledger'],
  });
  const { app, logged } = await createTestApp([dataRoutes({ dataApi }), ...extraRoutes], {
    authentication: {
      verifyAccessToken: async (token) => claimsOf(token),
      adminKey: { check: async () => ({ keyId: 'root', scope: 'owner' }) },
    },
    plugins: [(each) => addRequestTenant(each, routing)],
  });

  return {
    app,
    logged,
    routing,
    budget,
    async close() {
      await app.close();
      await routing.close();
      await messages.stop();
    },
  };
}

export const bearer = (tenant: Pick<TestTenant, 'id'>, role: 'USER' | 'ADMIN' = 'ADMIN') => ({
  authorization: `Bearer ${role}.${tenant.id}`,
});

function claimsOf(token: string) {
  const [role, tenantId] = token.split('.');
  if ((role !== 'USER' && role !== 'ADMIN') || tenantId === undefined) throw errors.notAuthenticated();
  return {
    userId: '0199a0aa-0000-7000-8000-000000000001',
    tenantId,
    tenantKey: 'key-of-token',
    role,
    sessionId: '0199a0aa-0000-7000-8000-000000000003',
  } as const;
}
