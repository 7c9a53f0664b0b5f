import { type Insertable, type Selectable, sql } from 'kysely';
import type { RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
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

/** Those that have passed their first test; nobody connects to others. */
export async function listServers(executor: RegistryExecutor): Promise<DatabaseServerRow[]> {
  return executor
    .selectFrom('databaseServers')
    .selectAll()
    .where('status', '<>', 'unchecked')
    .orderBy('name')
    .execute();
}

/** Who takes a place, and what they take, as far as it is known; those that are placed and not made yet too. */
const usedDatabases = sql<number>`(
  (SELECT count(*) FROM tenant_registry t WHERE t.server_id = server.id AND t.status <> 'deleted')
  + (SELECT count(*) FROM warm_databases w WHERE w.server_id = server.id))::int`;
const usedBytes = sql<number>`(
  (SELECT coalesce(sum(t.database_size_bytes), 0) FROM tenant_registry t
    WHERE t.server_id = server.id AND t.status <> 'deleted')
  + (SELECT coalesce(sum(c.size_bytes), 0) FROM warm_databases w JOIN template_copies c ON c.id = w.template_copy_id
      WHERE w.server_id = server.id))::bigint`;
const hasRoom = sql<boolean>`(${usedDatabases} < server.capacity_databases
  AND (server.capacity_bytes IS NULL OR ${usedBytes} < server.capacity_bytes))`;

/** Who places tenants takes milliseconds; one that was frozen over it must not hold up all others. */
const placementWaitMs = 2_000;

/**
 * The server with the smallest share of its capacity in use, locked until the transaction in which somebody is
 * placed there ends: of two who want the last place, one gets it. Full and draining ones take nobody. Fails with
 * SQLSTATE 55P03 where another placement keeps a server locked.
 */
export async function chooseServer(
  trx: RegistryTransaction,
  region: string,
): Promise<DatabaseServerRow | undefined> {
  for (;;) {
    const candidate = await selectWithRoom(trx)
      .orderBy(({ eb }) => eb('server.region', '=', region), 'desc')
      .orderBy(sql`${usedDatabases}::float8 / server.capacity_databases`)
      .orderBy('server.name')
      .limit(1)
      .executeTakeFirst();
    if (candidate === undefined) return undefined;
    await sql`SET LOCAL lock_timeout = ${sql.lit(placementWaitMs)}`.execute(trx);
    await sql`SELECT FROM database_servers WHERE id = ${candidate.id} FOR NO KEY UPDATE`.execute(trx);
    await sql`SET LOCAL lock_timeout TO DEFAULT`.execute(trx);
    // Asked again with the lock in hand, in a statement of its own, which sees what was committed meanwhile.
    const stillRoomy = await selectWithRoom(trx).where('server.id', '=', candidate.id).executeTakeFirst();
    if (stillRoomy !== undefined) return stillRoomy;
  }
}

/**
 * Locks a server that takes another database until the transaction ends; a placement that is at it is not
 * waited for. @returns whether there is room.
 */
export async function takeRoomQuietly(trx: RegistryTransaction, serverId: string): Promise<boolean> {
  const { rows } = await sql`
    SELECT FROM database_servers WHERE id = ${serverId} FOR NO KEY UPDATE SKIP LOCKED`.execute(trx);
  if (rows.length === 0) return false;
  return (await selectWithRoom(trx).where('server.id', '=', serverId).executeTakeFirst()) !== undefined;
}

function selectWithRoom(executor: RegistryExecutor) {
  return executor
    .selectFrom('databaseServers as server')
    .selectAll('server')
    .where('server.status', '=', 'open')
    .where('server.weight', '>', 0)
    .where(hasRoom);
}

/** What the open servers have room for, in words; for whoever has to make room. */
export async function describeCapacity(executor: RegistryExecutor): Promise<string> {
  const servers = await executor
    .selectFrom('databaseServers as server')
    .select(['name', 'status', 'capacityDatabases', 'capacityBytes'])
    .select([usedDatabases.as('databases'), usedBytes.as('bytes')])
    .orderBy('name')
    .execute();
  if (servers.length === 0) return 'no database server is known';
  return servers
    .map(({ name, status, databases, capacityDatabases, bytes, capacityBytes }) => {
      const size = capacityBytes === null ? '' : `, ${bytes} of ${capacityBytes} bytes`;
      return `${name} has ${databases} of ${capacityDatabases} databases${size}${status === 'open' ? '' : ` and is ${status}`}`;
    })
    .join('; ');
}
