import type { Config } from '../config/load-config.ts';
import { createAdminKey } from '../http/admin-key.ts';
import { createApp } from '../http/app.ts';
import { createIdentity, type Identity } from '../identity/identity.ts';
import { createProvisioning } from '../provisioning/create-provisioning.ts';
import { bindIdempotencyResource } from '../registry/repositories/idempotency-keys.ts';
import { createProcessBudget } from '../routing/connection-budget.ts';
import { refusalOf } from '../routing/refusal.ts';
import { createRouting } from '../routing/routing.ts';
import type { Assembly } from './assemble.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';

/** The features behind the API, and the API itself. */
export async function assembleApi(parts: ProcessParts, assembly: Assembly) {
  const { config, log, shutdown } = parts;
  const { platform } = assembly;
  const identity = assembleIdentity(config, platform);
  const routing = assembleRouting(config, platform);
  shutdown.onStop('tenant connections', 10_000, () => routing.close(8_000));
  const provisioning = assembleProvisioning(config, assembly, identity);
  return { identity, routing, provisioning };
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

function assembleRouting(config: Config, { registry, messages, masterSeal }: Platform) {
  return createRouting({
    database: registry,
    messages,
    masterSeal,
    budget: createProcessBudget(config.MAX_TOTAL_CONNECTIONS),
    // Every tenant of a server can read it.
    applicationName: `tm-api-${process.pid}`,
    limits: {
      maxConnectionsPerTenant: config.MAX_CONNECTIONS_PER_TENANT,
      leaseTimeoutMs: config.LEASE_TIMEOUT_MS,
      statementTimeoutMs: config.STATEMENT_TIMEOUT_MS,
      idleTimeoutMs: config.POOL_IDLE_TIMEOUT,
    },
  });
}

function assembleProvisioning(config: Config, { platform, kick }: Assembly, identity: Identity) {
  return createProvisioning({
    registry: platform.registry,
    messages: platform.messages,
    defaultRegion: config.REGION,
    maxPending: config.REGISTRATION_MAX_PENDING,
    normalizeEmail: identity.normalizeEmail,
    hashPassword: identity.hashPassword,
    verifyPassword: identity.verifyPassword,
    bindIdempotency: bindIdempotencyResource,
    afterCommit: kick,
    now: () => new Date(),
  });
}
