import { sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';

export type TenantKey = { readonly id: string } | { readonly slug: string };

export type TenantRoute = NonNullable<Awaited<ReturnType<typeof findTenantRoute>>>;

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * All that a request needs to know of its tenant, in one statement. By its slug, a deleted tenant is not
 * found: the slug may be another's by now.
 */
export async function findTenantRoute(executor: RegistryExecutor, key: TenantKey) {
  if ('id' in key && !uuid.test(key.id)) return undefined;
  const query = selectRoute(executor);
  const chosen =
    'id' in key
      ? query.where('tenant.id', '=', key.id)
      : query.where('tenant.slug', '=', key.slug).where('tenant.status', '<>', 'deleted');
  return chosen.executeTakeFirst();
}

function selectRoute(executor: RegistryExecutor) {
  return executor
    .selectFrom('tenantRegistry as tenant')
    .leftJoin('databaseServers as server', 'server.id', 'tenant.serverId')
    .leftJoin('tenantSettings as settings', 'settings.tenantId', 'tenant.id')
    .select(['tenant.id', 'tenant.slug', 'tenant.name', 'tenant.status', 'tenant.plan'])
    .select(['tenant.databaseId', 'tenant.databaseName', 'tenant.applicationRole'])
    .select(['tenant.sealedDataKey', 'tenant.sealedApplicationPassword', 'tenant.pendingApplicationPassword'])
    .select(['server.id as serverId', 'server.host', 'server.port', 'server.tls'])
    .select(sql<string | null>`settings.settings #>> '{data_api,user_access}'`.as('userAccess'));
}
