import type { Config } from '../config/load-config.ts';
import { createDataApi } from '../data-api/data-api.ts';
import { errors } from '../errors/catalogue.ts';
import { createAdminKey } from '../http/admin-key.ts';
import { type App, type AppNeeds, createApp } from '../http/app.ts';
import type { Health } from '../http/health.ts';
import { createItemClaims } from '../http/item-claims.ts';
import { obeyIdempotencyKeys } from '../http/plugins/idempotency.ts';
import { addRequestTenant } from '../http/plugins/tenant.ts';
import { adminAuditRoutes } from '../http/routes/admin-audit.ts';
import { adminDoctorRoutes } from '../http/routes/admin-doctor.ts';
import { adminJobsRoutes } from '../http/routes/admin-jobs.ts';
import { adminKeysRoutes } from '../http/routes/admin-keys.ts';
import { adminPoolsRoutes } from '../http/routes/admin-pools.ts';
import { adminReconcileRoutes } from '../http/routes/admin-reconcile.ts';
import { adminServersRoutes } from '../http/routes/admin-servers.ts';
import { adminStatsRoutes } from '../http/routes/admin-stats.ts';
import { adminTemplatesRoutes } from '../http/routes/admin-templates.ts';
import { adminTenantBulkRoutes } from '../http/routes/admin-tenant-bulk.ts';
import { adminTenantChangesRoutes } from '../http/routes/admin-tenant-changes.ts';
import { adminTenantCreationRoutes } from '../http/routes/admin-tenant-creation.ts';
import { adminTenantDetailsRoutes } from '../http/routes/admin-tenant-details.ts';
import { adminTenantLifecycleRoutes } from '../http/routes/admin-tenant-lifecycle.ts';
import { adminTenantsRoutes } from '../http/routes/admin-tenants.ts';
import { dataRoutes } from '../http/routes/data.ts';
import { healthRoutes } from '../http/routes/health.ts';
import { meRoutes } from '../http/routes/me.ts';
import { mySessionsRoutes } from '../http/routes/my-sessions.ts';
import { provisioningStatusRoutes } from '../http/routes/provisioning-status.ts';
import { registrationRoutes } from '../http/routes/registration.ts';
import { sessionRoutes } from '../http/routes/sessions.ts';
import { tenantMemberRoutes } from '../http/routes/tenant-members.ts';
import { tenantProfileRoutes } from '../http/routes/tenant-profile.ts';
import { createIdentity, type Identity } from '../identity/identity.ts';
import { createProvisioning, type Provisioning } from '../provisioning/create-provisioning.ts';
import { createDatabaseUrls } from '../provisioning/database-url.ts';
import { createServerAdministration } from '../provisioning/server-administration.ts';
import { createTemplateAdditions } from '../provisioning/template-additions.ts';
import { findAdminKey } from '../registry/repositories/admin-keys.ts';
import { bindIdempotencyResource } from '../registry/repositories/idempotency-keys.ts';
import { listPlans } from '../registry/repositories/plans.ts';
import { refusalOf } from '../routing/refusal.ts';
import type { Routing } from '../routing/routing.ts';
import { createTasks } from '../tasks/request-task.ts';
import type { Assembly } from './assemble.ts';
import { assembleCache, shareTenants } from './assemble-cache.ts';
import { assembleDoctorHere } from './assemble-doctor.ts';
import { assembleLimits, guardLogins } from './assemble-limits.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';
import { assembleRouting } from './assemble-routing.ts';

type Routes = AppNeeds['routes'];

export type Api = { app: App; identity: Identity };

/** The features behind the API, and the API itself, not yet listening. */
export async function assembleApi(parts: ProcessParts, assembly: Assembly, health: Health): Promise<Api> {
  const { config, log, metrics } = parts;
  const { platform } = assembly;
  await assertDefaultPlan(config, platform);
  const cache = await assembleCache(parts);
  const routing = await assembleRouting(parts, platform, shareTenants(cache, platform.masterSeal));
  const { rates, lockout } = assembleLimits(parts, { cache, registry: platform.registry, routing });
  const identity = observeLogins(guardLogins(assembleIdentity(config, platform), lockout), metrics);
  const provisioning = assembleProvisioning(parts, assembly, identity);
  const features = { config, log, metrics, assembly, identity, routing, provisioning, health };
  const app = await createApp({
    log,
    settings: {
      publicUrl: config.PUBLIC_URL,
      allowedOrigins: config.ALLOWED_ORIGINS,
      trustedProxies: config.TRUSTED_PROXIES,
    },
    observe: metrics?.observe.request,
    authentication: {
      limits: rates,
      verifyAccessToken: identity.verifyAccessToken,
      adminKey: createAdminKey(config.SUPER_ADMIN_KEY, (hash) => findAdminKey(platform.registry, hash)),
    },
    plugins: [(each) => addRequestTenant(each, routing), (each) => obeyIdempotencyKeys(each, platform)],
    routes: [...publicRoutes(features), ...memberRoutes(features), ...operatorRoutes(features)],
  });
  return { app, identity };
}

/** A customer who names no plan must not be refused for it. */
async function assertDefaultPlan({ DEFAULT_PLAN: key }: Config, { registry }: Platform): Promise<void> {
  const open = (await listPlans(registry)).filter(({ selfService }) => selfService).map((plan) => plan.key);
  if (open.includes(key)) return;
  throw errors.configurationInvalid(`DEFAULT_PLAN is "${key}". It must be one of ${open.join(', ')}.`);
}

type Features = {
  config: Config;
  log: ProcessParts['log'];
  metrics: ProcessParts['metrics'];
  assembly: Assembly;
  identity: Identity;
  routing: Routing;
  provisioning: Provisioning;
  health: Health;
};

function publicRoutes({ config, assembly, identity, provisioning, health }: Features): Routes {
  const databaseUrlOf = createDatabaseUrls(assembly.platform);
  return [
    healthRoutes({ health }),
    registrationRoutes({
      ...provisioning,
      ...identity,
      defaultPlan: config.DEFAULT_PLAN,
      usualWaitMs: config.PROVISIONING_WAIT_MS,
    }),
    provisioningStatusRoutes(provisioning),
    sessionRoutes({
      identity,
      databaseUrlOf,
      givesDatabasePassword: config.LOGIN_RETURNS_DATABASE_CREDENTIALS,
    }),
  ];
}

function memberRoutes({ config, metrics, assembly, identity }: Features): Routes {
  const needs = { database: assembly.platform.registry, identity };
  const dataApi = createDataApi({
    maxRows: config.DATA_API_MAX_ROWS,
    statementTimeoutMs: config.STATEMENT_TIMEOUT_MS,
    observeQuery: metrics?.observe.tenantQuery,
  });
  return [
    meRoutes(needs),
    mySessionsRoutes(needs),
    tenantProfileRoutes(needs),
    tenantMemberRoutes(needs),
    dataRoutes({ dataApi }),
  ];
}

function operatorRoutes({ config, log, assembly, identity, routing, provisioning }: Features): Routes {
  const { registry, messages } = assembly.platform;
  const { queue } = assembly.dispatch;
  const tasks = createTasks({ registry, messages, afterCommit: assembly.kick });
  return [
    adminTenantsRoutes({ registry }),
    adminTenantCreationRoutes({
      ...provisioning,
      ...identity,
      defaultPlan: config.DEFAULT_PLAN,
      usualWaitMs: config.PROVISIONING_WAIT_MS,
    }),
    adminTenantBulkRoutes({
      ...provisioning,
      ...identity,
      defaultPlan: config.DEFAULT_PLAN,
      claimItem: createItemClaims(assembly.platform),
    }),
    adminTenantLifecycleRoutes({ ...provisioning, registry, lifecycle: provisioning }),
    adminPoolsRoutes({ registry }),
    adminTenantDetailsRoutes({ registry }),
    adminTenantChangesRoutes({ registry, amendTenant: provisioning.amendTenant, tasks }),
    adminJobsRoutes({ registry, tasks, lifecycle: provisioning }),
    adminReconcileRoutes({ tasks }),
    adminAuditRoutes({ registry }),
    adminKeysRoutes({ registry }),
    adminServersRoutes({
      registry,
      servers: createServerAdministration({ registry, allowedNetworks: config.ALLOWED_DATABASE_CIDRS }),
      tasks,
      defaultRegion: config.REGION,
    }),
    adminDoctorRoutes({ doctor: assembleDoctorHere({ config, log }, assembly.platform), tasks }),
    adminTemplatesRoutes({ registry, addTemplate: createTemplateAdditions({ registry }), tasks }),
    adminStatsRoutes({
      registry,
      poolStats: routing.stats,
      countJobs: async () => (queue === undefined ? null : queue.counts().catch(() => null)),
    }),
  ];
}

function assembleIdentity(config: Config, { registry, messages }: Platform): Identity {
  return createIdentity({
    database: registry,
    messages,
    jwt: {
      secret: config.JWT_SECRET,
      refreshSecret: config.JWT_REFRESH_SECRET,
      issuer: config.PUBLIC_URL,
      audience: config.JWT_AUDIENCE,
      accessLifeMs: config.JWT_EXPIRES_IN,
      sessionLifeMs: config.JWT_REFRESH_EXPIRES_IN,
    },
    passwordMinLength: config.PASSWORD_MIN_LENGTH,
    refusalOf,
  });
}

function observeLogins(identity: Identity, metrics: ProcessParts['metrics']): Identity {
  if (metrics === undefined) return identity;
  const login: Identity['login'] = (request) =>
    identity.login(request).catch((error: unknown) => {
      metrics.observe.loginFailure(error);
      throw error;
    });
  return { ...identity, login };
}

function assembleProvisioning(
  { config, metrics }: ProcessParts,
  { platform, kick }: Assembly,
  identity: Identity,
) {
  return createProvisioning({
    registry: platform.registry,
    messages: platform.messages,
    defaultRegion: config.REGION,
    maxPending: config.REGISTRATION_MAX_PENDING,
    normalizeEmail: identity.normalizeEmail,
    hashPassword: identity.hashPassword,
    verifyPassword: identity.verifyPassword,
    bindIdempotency: bindIdempotencyResource,
    observeEnd: metrics?.observe.runEnd,
    afterCommit: kick,
    now: () => new Date(),
  });
}
