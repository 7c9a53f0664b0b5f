import type { ServerTls } from '../databases/database-server.ts';
import { errors } from '../errors/catalogue.ts';
import type { MasterSeal } from '../registry/master-seal.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { type Actor, recordAudit } from '../registry/repositories/audit-log.ts';
import { findServer } from '../registry/repositories/database-servers.ts';
import { findTenant } from '../registry/repositories/tenants.ts';
import { applicationColumn } from './credentials.ts';
import { tlsShape } from './server-directory.ts';

/** The limited login that a tenant's own requests have. */
export type TenantLogin = {
  slug: string;
  host: string;
  port: number;
  tls: ServerTls;
  database: string;
  user: string;
  password: string;
};

type Needs = { registry: RegistryDatabase; masterSeal: Pick<MasterSeal, 'unsealWithDataKey'> };

/**
 * Gives an operator a tenant's own login, and writes down who got it.
 * @throws tenant_not_found, tenant_database_unavailable while it has no database
 */
export function createTenantLogins({ registry, masterSeal }: Needs) {
  return async function openTenantLogin(tenantId: string, actor: Actor): Promise<TenantLogin> {
    const tenant = await findTenant(registry, tenantId);
    if (tenant === undefined) throw errors.tenantNotFound();
    const { slug, serverId, databaseName, applicationRole, databaseId } = tenant;
    const { sealedDataKey, sealedApplicationPassword } = tenant;
    const server = serverId === null ? undefined : await findServer(registry, serverId);
    if (!server || !databaseName || !applicationRole || !databaseId) throw errors.tenantDatabaseUnavailable();
    if (!sealedDataKey || !sealedApplicationPassword) throw errors.tenantDatabaseUnavailable();
    const place = { owner: databaseId, column: applicationColumn };
    const password = masterSeal.unsealWithDataKey(sealedDataKey, sealedApplicationPassword, place);
    await recordAudit(registry, { actor, action: 'tenant.console_opened', tenantId, after: { slug } });
    return {
      slug,
      host: server.host,
      port: server.port,
      tls: tlsShape.parse(server.tls),
      database: databaseName,
      user: applicationRole,
      password,
    };
  };
}
