import { type Insertable, type Selectable, sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { DatabaseServers } from '../tables.generated.ts';

export type DatabaseServerRow = Selectable<DatabaseServers>;

/** Makes the server of that name known, or notes that it moved. */
export async function upsertServer(
  executor: RegistryExecutor,
  server: Insertable<DatabaseServers>,
): Promise<DatabaseServerRow> {
  const { name: _, id: __, ...changeable } = server;
  return executor
    .insertInto('databaseServers')
    .values(server)
    .onConflict((conflict) => conflict.column('name').doUpdateSet(changeable))
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function findServer(
  executor: RegistryExecutor,
  id: string,
): Promise<DatabaseServerRow | undefined> {
  return executor.selectFrom('databaseServers').selectAll().where('id', '=', id).executeTakeFirst();
}

/** The server with the smallest share of its capacity in use; full and draining ones take nobody. */
export async function chooseServer(
  executor: RegistryExecutor,
  region: string,
): Promise<DatabaseServerRow | undefined> {
  return executor
    .selectFrom('databaseServers as server')
    .leftJoin('tenantRegistry as tenant', (join) =>
      join.onRef('tenant.serverId', '=', 'server.id').on('tenant.databaseName', 'is not', null),
    )
    .selectAll('server')
    .where('server.status', '=', 'open')
    .where('server.weight', '>', 0)
    .groupBy('server.id')
    .having(({ eb, fn, ref }) => eb(fn.count('tenant.id'), '<', ref('server.capacityDatabases')))
    .orderBy(({ eb }) => eb('server.region', '=', region), 'desc')
    .orderBy(sql`count(tenant.id)::float8 / server.capacity_databases`)
    .orderBy('server.name')
    .limit(1)
    .executeTakeFirst();
}
