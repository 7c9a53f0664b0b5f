import { type Selectable, sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { Json, Processes } from '../tables.generated.ts';

export type ProcessRow = Selectable<Processes>;

export type NewProcess = Pick<
  ProcessRow,
  'id' | 'role' | 'host' | 'applicationName' | 'registryConnections'
> & { presenceKey: string };

/** Also for one that was taken for dead and is back. */
export async function enterProcess(executor: RegistryExecutor, process: NewProcess): Promise<void> {
  const { presenceKey, ...row } = process;
  await executor
    .insertInto('processes')
    .values({ ...row, presenceKey: sql<number>`${presenceKey}::bigint` })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ beatAt: sql<Date>`now()` }))
    .execute();
}

/** @returns false when it is not in the list any more: it was taken for dead. */
export async function beatProcess(executor: RegistryExecutor, id: string, stats: Json): Promise<boolean> {
  const beaten = await executor
    .updateTable('processes')
    .set({ beatAt: sql<Date>`now()`, stats: JSON.stringify(stats) })
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst();
  return beaten !== undefined;
}

/** Its shares of all budgets go with it. */
export async function removeProcess(executor: RegistryExecutor, id: string): Promise<void> {
  await executor.deleteFrom('processes').where('id', '=', id).execute();
}

export type ListedProcess = ProcessRow & { silentMs: number };

/** Who may open connections to tenants' databases, the oldest first. */
export async function listProcesses(executor: RegistryExecutor): Promise<ListedProcess[]> {
  return executor
    .selectFrom('processes')
    .selectAll()
    .select(sql<number>`extract(epoch FROM now() - beat_at) * 1000`.$castTo<number>().as('silentMs'))
    .orderBy('startedAt')
    .orderBy('id')
    .execute();
}

/**
 * Whether the process has no session with the registry: each holds its presence key shared. Ask within a
 * transaction, which keeps a process that comes back from passing for present until it ends.
 */
export async function isAbsent(executor: RegistryExecutor, id: string): Promise<boolean> {
  const found = await executor
    .selectFrom('processes')
    .select(sql<boolean>`pg_try_advisory_xact_lock(presence_key)`.as('isAbsent'))
    .where('id', '=', id)
    .executeTakeFirst();
  return found?.isAbsent ?? false;
}

/** When the registry's server was started, as text to the microsecond: tells it from every other server. */
export async function readRegistryStart(executor: RegistryExecutor): Promise<string> {
  const { rows } = await sql<{
    at: string;
  }>`SELECT extract(epoch FROM pg_postmaster_start_time())::text AS at`.execute(executor);
  return rows[0]?.at ?? '';
}
