import { type Selectable, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { RegistryExecutor } from '../registry-database.ts';
import type { QuarantinedObjects } from '../tables.generated.ts';

export type QuarantinedObject = Selectable<QuarantinedObjects>;

export type Quarantine = { serverId: string; name: string; reason: string };

/** Notes a database that nobody names; written before it is closed, so that it is never unnamed and shut. */
export async function quarantineDatabase(executor: RegistryExecutor, quarantine: Quarantine): Promise<void> {
  await executor
    .insertInto('quarantinedObjects')
    .values({ id: uuidv7(), kind: 'database', ...quarantine })
    .onConflict((conflict) => conflict.columns(['serverId', 'kind', 'name']).doNothing())
    .execute();
}

export async function findQuarantined(
  executor: RegistryExecutor,
  { serverId, name }: Pick<Quarantine, 'serverId' | 'name'>,
): Promise<QuarantinedObject | undefined> {
  return executor
    .selectFrom('quarantinedObjects')
    .selectAll()
    .where('serverId', '=', serverId)
    .where('kind', '=', 'database')
    .where('name', '=', name)
    .executeTakeFirst();
}

/** Everything in quarantine, with the name of its server, the newest first. */
export async function listQuarantined(
  executor: RegistryExecutor,
): Promise<(QuarantinedObject & { server: string })[]> {
  return executor
    .selectFrom('quarantinedObjects as q')
    .innerJoin('databaseServers as s', 's.id', 'q.serverId')
    .selectAll('q')
    .select('s.name as server')
    .orderBy('q.quarantinedAt', 'desc')
    .execute();
}

/** Notes that an operator has taken it over. */
export async function markReleased(executor: RegistryExecutor, id: string): Promise<void> {
  await executor
    .updateTable('quarantinedObjects')
    .set({ releasedAt: sql<Date>`coalesce(released_at, now())` })
    .where('id', '=', id)
    .execute();
}

/** Of what is gone from its server. */
export async function forgetQuarantined(executor: RegistryExecutor, id: string): Promise<void> {
  await executor.deleteFrom('quarantinedObjects').where('id', '=', id).execute();
}
