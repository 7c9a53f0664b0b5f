import type { MasterSeal } from '../registry/master-seal.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { findServer } from '../registry/repositories/database-servers.ts';
import { findTenant } from '../registry/repositories/tenants.ts';
import { applicationColumn } from './credentials.ts';

type Needs = { registry: RegistryDatabase; masterSeal: Pick<MasterSeal, 'unsealWithDataKey'> };

/**
 * Names server, database and application role of a tenant as people write them down; connections are never made
 * from it. Null while the tenant has no database.
 */
export function createDatabaseUrls({ registry, masterSeal }: Needs) {
  return async function databaseUrlOf(tenantId: string, withPassword: boolean): Promise<string | null> {
    const tenant = await findTenant(registry, tenantId);
    if (!tenant?.serverId || !tenant.databaseName || !tenant.applicationRole) return null;
    const server = await findServer(registry, tenant.serverId);
    if (server === undefined) return null;
    const { databaseId, sealedDataKey, sealedApplicationPassword } = tenant;
    const password =
      withPassword && databaseId && sealedDataKey && sealedApplicationPassword
        ? `:${encodeURIComponent(masterSeal.unsealWithDataKey(sealedDataKey, sealedApplicationPassword, { owner: databaseId, column: applicationColumn }))}`
        : '';
    const host = server.host.includes(':') ? `[${server.host}]` : server.host;
    const role = encodeURIComponent(tenant.applicationRole);
    return `postgresql://${role}${password}@${host}:${server.port}/${encodeURIComponent(tenant.databaseName)}`;
  };
}
