import { type RawBuilder, sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { TemplateCopyStatus, TenantStatus, WarmDatabaseStatus } from '../tables.generated.ts';
import type { Tenant } from './tenants.ts';

/** A tenant that has names on a server, as far as it can be compared with that server. */
export type NamedTenant = {
  id: string;
  slug: string;
  status: TenantStatus;
  statusReason: string | null;
  databaseName: string;
  /** Both names are the tenant's until the renaming is done. */
  renamedFrom: string | null;
  migratorRole: string | null;
  applicationRole: string | null;
  hasFingerprint: boolean;
  hasAdmin: boolean;
  /** Since when it has been refused for good, in milliseconds; null for others. */
  deletingForMs: number | null;
};

export type NamedTenantPage = { serverId: string; after: string | undefined; limit: number };

/** One page of the tenants that have names on a server, by id, in one statement. */
export async function listNamedTenants(
  executor: RegistryExecutor,
  { serverId, after, limit }: NamedTenantPage,
): Promise<NamedTenant[]> {
  return selectNamed(executor)
    .where('t.serverId', '=', serverId)
    .$if(after !== undefined, (query) => query.where('t.id', '>', after ?? ''))
    .orderBy('t.id')
    .limit(limit)
    .execute();
}

export async function findNamedTenant(
  executor: RegistryExecutor,
  id: string,
): Promise<NamedTenant | undefined> {
  return selectNamed(executor).where('t.id', '=', id).executeTakeFirst();
}

function selectNamed(executor: RegistryExecutor) {
  return executor
    .selectFrom('tenantRegistry as t')
    .select(['t.id', 't.slug', 't.status', 't.statusReason', 't.renamedFrom'])
    .select(['t.databaseName', 't.migratorRole', 't.applicationRole'])
    .select(sql<boolean>`t.schema_fingerprint IS NOT NULL`.as('hasFingerprint'))
    .select(
      sql<boolean>`EXISTS (SELECT FROM tenant_members m WHERE m.tenant_id = t.id AND m.role = 'ADMIN')`.as(
        'hasAdmin',
      ),
    )
    .select(sql<number | null>`extract(epoch FROM now() - t.deleting_at)::float8 * 1000`.as('deletingForMs'))
    .where('t.databaseName', 'is not', null)
    .$narrowType<{ databaseName: string }>();
}

export type NamedWarmDatabase = {
  id: string;
  status: WarmDatabaseStatus;
  databaseName: string;
  migratorRole: string;
  applicationRole: string;
};
export type NamedCopy = {
  id: string;
  status: TemplateCopyStatus;
  databaseName: string;
  builderRole: string;
};
export type NamedQuarantine = {
  id: string;
  name: string;
  /** Another row names it by now, so that it is somebody's. */
  isNamed: boolean;
  /** An operator has taken it over. */
  isReleased: boolean;
};

/** What a server has for the registry beside tenants: little, whatever the number of tenants. */
export type NamedStock = { warm: NamedWarmDatabase[]; copies: NamedCopy[]; quarantined: NamedQuarantine[] };

export async function listNamedStock(executor: RegistryExecutor, serverId: string): Promise<NamedStock> {
  const [warm, copies, quarantined] = await Promise.all([
    executor
      .selectFrom('warmDatabases')
      .select(['id', 'status', 'databaseName', 'migratorRole', 'applicationRole'])
      .where('serverId', '=', serverId)
      .execute(),
    executor
      .selectFrom('templateCopies')
      .select(['id', 'status', 'databaseName', 'builderRole'])
      .where('serverId', '=', serverId)
      .execute(),
    executor
      .selectFrom('quarantinedObjects as q')
      .select(['q.id', 'q.name'])
      .select(sql<boolean>`q.released_at IS NOT NULL`.as('isReleased'))
      .select(isNamedBy(sql.ref('q.serverId'), sql.ref('q.name')).as('isNamed'))
      .where('q.serverId', '=', serverId)
      .where('q.kind', '=', 'database')
      .execute(),
  ]);
  return { warm, copies, quarantined };
}

/** Whether any row names this database or role on this server, in whatever state it is. Quarantine names nothing. */
export async function isNamed(
  executor: RegistryExecutor,
  { serverId, name }: { serverId: string; name: string },
): Promise<boolean> {
  const { rows } = await sql<{
    named: boolean;
  }>`SELECT ${isNamedBy(sql.val(serverId), sql.val(name))} AS named`.execute(executor);
  return rows[0]?.named === true;
}

function isNamedBy(serverId: RawBuilder<unknown>, name: RawBuilder<unknown>): RawBuilder<boolean> {
  return sql<boolean>`(
    EXISTS (SELECT FROM tenant_registry WHERE server_id = ${serverId}
              AND ${name} IN (database_name, renamed_from, migrator_role, application_role))
    OR EXISTS (SELECT FROM warm_databases WHERE server_id = ${serverId}
              AND ${name} IN (database_name, migrator_role, application_role))
    OR EXISTS (SELECT FROM template_copies WHERE server_id = ${serverId}
              AND ${name} IN (database_name, builder_role)))`;
}

/** One page of the tenants of a server that are active, by id, whole. */
export async function listActiveTenants(
  executor: RegistryExecutor,
  { serverId, after, limit }: NamedTenantPage,
): Promise<Tenant[]> {
  return executor
    .selectFrom('tenantRegistry')
    .selectAll()
    .where('serverId', '=', serverId)
    .where('status', '=', 'active')
    .where('databaseName', 'is not', null)
    .$if(after !== undefined, (query) => query.where('id', '>', after ?? ''))
    .orderBy('id')
    .limit(limit)
    .execute();
}
