import { errors } from '../errors/catalogue.ts';
import type { MasterSeal } from '../registry/master-seal.ts';
import type { Messages } from '../registry/messages.ts';
import type { RegistryExecutor } from '../registry/registry-database.ts';
import type { ConnectionBudget } from './connection-budget.ts';
import { ConnectionPools } from './connection-pools.ts';
import type { Lease, LeaseOptions } from './lease.ts';
import { leaseAnew } from './lease-anew.ts';
import { createOpener } from './open-tenant-database.ts';
import { refusalOf } from './refusal.ts';
import { createTenantResolving } from './resolve-tenants.ts';
import type { ResolvedTenant, TenantDatabase } from './resolved-tenant.ts';
import type { SharedTenants } from './shared-tenants.ts';

export type RoutingNeeds = {
  readonly database: RegistryExecutor;
  readonly messages: Pick<Messages, 'on' | 'onReconnect'>;
  readonly masterSeal: Pick<MasterSeal, 'unsealWithDataKey'>;
  readonly budget: ConnectionBudget;
  /** Undefined where each process remembers tenants for itself. */
  readonly sharedTenants?: SharedTenants | undefined;
  /** Every tenant of a server can read it; no customer's words. */
  readonly applicationName: string;
  readonly limits: RoutingLimits;
};

export type RoutingLimits = {
  readonly maxConnectionsPerTenant: number;
  readonly minConnectionsPerTenant?: number;
  readonly leaseTimeoutMs: number;
  readonly statementTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** How old a resolved tenant may be; at most 30 s. */
  readonly cacheTtlMs?: number;
};

/** From a tenant's name to a connection to its database. Stop it with `close`. */
export function createRouting({
  messages,
  masterSeal,
  budget,
  applicationName,
  limits,
  ...needs
}: RoutingNeeds) {
  const tenants = createTenantResolving({ ...needs, ttlMs: limits.cacheTtlMs });
  const { statementTimeoutMs, ...poolLimits } = limits;
  const pools = new ConnectionPools({
    ...poolLimits,
    budget,
    open: createOpener({ masterSeal, applicationName, statementTimeoutMs }),
    onStaleRoute: (id) => {
      tenants.forget({ id });
      lookAgain(id);
    },
  });
  const stops = [
    messages.on('tenant.changed', ({ tenantId, slug }) => {
      tenants.forget({ id: tenantId, slug });
      lookAgain(tenantId);
    }),
    messages.on('caches.cleared', forgetAll),
  ];
  messages.onReconnect(forgetAll);

  function forgetAll(): void {
    tenants.forgetAll();
    for (const tenantId of pools.tenantIds()) lookAgain(tenantId);
  }

  /** Closes the connections of a tenant that may have none any more. */
  function lookAgain(tenantId: string): void {
    if (!pools.has(tenantId)) return;
    // Without the registry nothing is known; the tenant's next lease looks again by itself.
    tenants.resolve({ id: tenantId }).then(
      (tenant) => retireUnusable(tenantId, tenant),
      () => undefined,
    );
  }

  function retireUnusable(tenantId: string, tenant: ResolvedTenant | undefined): void {
    const refusal = tenant === undefined ? errors.tenantNotFound() : refusalOf(tenant.status);
    if (refusal !== undefined) pools.retire(tenantId, refusal);
    else if (tenant?.database !== undefined) pools.retireOthers(tenantId, tenant.database);
  }

  /** @throws what refuses the tenant's state. */
  async function findDatabase(id: string): Promise<TenantDatabase> {
    const tenant = await tenants.resolve({ id });
    const refusal = tenant === undefined ? errors.tenantNotFound() : refusalOf(tenant.status);
    if (refusal !== undefined) {
      pools.retire(id, refusal);
      throw refusal;
    }
    if (tenant?.database === undefined) throw errors.tenantDatabaseUnavailable();
    return tenant.database;
  }

  return {
    /** @throws registry_unavailable. */
    resolveTenant: tenants.resolve,

    /**
     * A connection of the tenant's application role. What is suspended after it was resolved is refused here.
     * @throws what refuses the tenant's state, lease_timeout, tenant_database_unavailable.
     */
    async lease({ id }: Pick<ResolvedTenant, 'id'>, options: LeaseOptions = {}): Promise<Lease> {
      const endsAt = performance.now() + limits.leaseTimeoutMs;
      return leaseAnew({
        find: () => findDatabase(id),
        acquire: (database) => pools.acquire(id, database, { ...options, timeoutMs: leftUntil(endsAt) }),
      });
    },

    stats: () => ({ ...pools.stats(), budget: budget.stats?.() ?? [], ...tenants.stats() }),

    async close(deadlineMs = 10_000): Promise<void> {
      for (const stop of stops) stop();
      await pools.close(deadlineMs);
    },
  };
}

export type Routing = ReturnType<typeof createRouting>;

const leftUntil = (endsAt: number): number => Math.max(0, Math.ceil(endsAt - performance.now()));
