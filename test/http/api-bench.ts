import { randomUUID } from 'node:crypto';
import { createAdminKey } from '../../src/http/admin-key.ts';
import type { App, AppNeeds } from '../../src/http/app.ts';
import { createItemClaims } from '../../src/http/item-claims.ts';
import { obeyIdempotencyKeys } from '../../src/http/plugins/idempotency.ts';
import { adminStatsRoutes } from '../../src/http/routes/admin-stats.ts';
import { adminTenantBulkRoutes } from '../../src/http/routes/admin-tenant-bulk.ts';
import { adminTenantCreationRoutes } from '../../src/http/routes/admin-tenant-creation.ts';
import { adminTenantLifecycleRoutes } from '../../src/http/routes/admin-tenant-lifecycle.ts';
import { adminTenantsRoutes } from '../../src/http/routes/admin-tenants.ts';
import { provisioningStatusRoutes } from '../../src/http/routes/provisioning-status.ts';
import { registrationRoutes } from '../../src/http/routes/registration.ts';
import { createIdentity } from '../../src/identity/identity.ts';
import { createProvisioning } from '../../src/provisioning/create-provisioning.ts';
import { bindIdempotencyResource } from '../../src/registry/repositories/idempotency-keys.ts';
import {
  claimRun,
  finishRun,
  latestRun,
  type RunEnd,
} from '../../src/registry/repositories/provisioning-runs.ts';
import { recordSteps } from '../../src/registry/repositories/provisioning-steps.ts';
import { refusalOf } from '../../src/routing/refusal.ts';
import { useHttpBench } from './http-bench.ts';
import { adminKey, createTestApp } from './test-app.ts';

export type Worker = (tenantId: string) => Promise<void>;

const jwt = {
  secret: 'access tokens of the tests are signed with this',
  refreshSecret: 'refresh tokens of the tests are stored under this',
  issuer: 'https://tm.example',
  audience: 'tenant-manager',
  accessLifeMs: 86_400_000,
  sessionLifeMs: 30 * 86_400_000,
};

export type ApiOptions = { usualWaitMs?: number; maxPending?: number; heartbeatMs?: number };

/** The API with its real features; only who makes the databases is played by the test. */
export function useApiBench() {
  const bench = useHttpBench();
  let worker: Worker = async () => undefined;

  async function startApi({ usualWaitMs = 10_000, maxPending = 1_000, heartbeatMs }: ApiOptions = {}) {
    const platform = bench.platform();
    const { registry, messages } = platform;
    const identity = createIdentity({ database: registry, messages, jwt, passwordMinLength: 8, refusalOf });
    const provisioning = createProvisioning({
      registry,
      messages,
      defaultRegion: 'default',
      maxPending,
      ...identity,
      bindIdempotency: bindIdempotencyResource,
      afterCommit: (tenantId) => void worker(tenantId),
      now: () => new Date(),
    });
    const needs = { ...provisioning, ...identity, registry, defaultPlan: 'free', usualWaitMs };
    const routes: AppNeeds['routes'] = [
      registrationRoutes(needs),
      provisioningStatusRoutes({ ...needs, ...(heartbeatMs !== undefined && { heartbeatMs }) }),
      adminTenantsRoutes(needs),
      adminTenantCreationRoutes(needs),
      adminTenantBulkRoutes({ ...needs, claimItem: createItemClaims(platform) }),
      adminTenantLifecycleRoutes({ ...needs, lifecycle: provisioning }),
      adminStatsRoutes({ registry, countJobs: async () => ({ waiting: 2 }), poolStats: () => ({ open: 3 }) }),
    ];
    const { app } = await createTestApp(routes, {
      authentication: { verifyAccessToken: identity.verifyAccessToken, adminKey: createAdminKey(adminKey) },
      plugins: [(each: App) => obeyIdempotencyKeys(each, platform)],
    });
    return app;
  }

  async function claim(tenantId: string) {
    const run = await latestRun(bench.database(), tenantId);
    if (run === undefined) throw new Error('no run');
    const owner = randomUUID();
    const claimed = await claimRun(bench.database(), {
      tenantId,
      generation: run.generation,
      owner,
      staleAfterMs: 60_000,
    });
    if (claimed === undefined) throw new Error('the run is not to be had');
    return { id: run.id, tenantId, owner };
  }

  async function end(tenantId: string, result: RunEnd): Promise<void> {
    const run = await claim(tenantId);
    const moment = { position: 1, name: 'create', status: 'done' } as const;
    await recordSteps(bench.database(), run, { moments: [moment], progress: 50 });
    await bench
      .database()
      .updateTable('tenantRegistry')
      .set(
        result.status === 'completed'
          ? { status: 'active', databaseName: `db_${tenantId}` }
          : { status: 'failed' },
      )
      .where('id', '=', tenantId)
      .execute();
    await finishRun(bench.database(), run, result);
  }

  return {
    ...bench,
    startApi,
    /** What happens when a tenant has been asked for. */
    onRequest(next: Worker): void {
      worker = next;
    },
    complete: (tenantId: string) => end(tenantId, { status: 'completed' }),
    cancel: (tenantId: string) =>
      end(tenantId, {
        status: 'cancelled',
        errorCode: 'cancelled',
        errorDetail: 'cancelled',
        needsAttention: false,
      }),
    fail: (tenantId: string) =>
      end(tenantId, {
        status: 'failed',
        errorCode: 'source_database_missing',
        errorDetail: 'The source database "twenty" does not exist on db-1.internal.',
        needsAttention: false,
      }),
  };
}

export const organization = (over: Record<string, unknown> = {}) => ({
  organization_name: 'ACME Corp',
  admin_email: `admin-${randomUUID().slice(0, 8)}@acme.com`,
  admin_password: 'SecurePassword123!',
  ...over,
});
