import { type Insertable, type Selectable, sql } from 'kysely';
import type { RegistryDatabase, RegistryExecutor } from '../registry-database.ts';
import type { WarmDatabases } from '../tables.generated.ts';
import { takeRoomQuietly } from './database-servers.ts';
import type { TemplateCopy } from './templates.ts';

export type WarmDatabase = Selectable<WarmDatabases>;

/** The ready copies that a server's pool is made from: the newest of each template's present source. */
export async function listCopiesToWarm(
  executor: RegistryExecutor,
  serverId: string,
): Promise<TemplateCopy[]> {
  return executor
    .selectFrom('templateCopies as copy')
    .innerJoin('templates as template', (join) =>
      join
        .onRef('template.id', '=', 'copy.templateId')
        .onRef('template.sourceDatabase', '=', 'copy.sourceDatabase'),
    )
    .distinctOn('copy.templateId')
    .selectAll('copy')
    .where('copy.serverId', '=', serverId)
    .where('copy.status', '=', 'ready')
    .orderBy('copy.templateId')
    .orderBy('copy.builtAt', 'desc')
    .execute();
}

/** All of a server's pool in any state, the oldest first. */
export async function listWarmDatabases(
  executor: RegistryExecutor,
  serverId: string,
): Promise<WarmDatabase[]> {
  return executor
    .selectFrom('warmDatabases')
    .selectAll()
    .where('serverId', '=', serverId)
    .orderBy('createdAt')
    .orderBy('id')
    .execute();
}

/** Whether any run is due or worked on. Those that wait for something to be mended do not count. */
export async function isProvisioningUnderWay(executor: RegistryExecutor): Promise<boolean> {
  const run = await executor
    .selectFrom('provisioningRuns')
    .select('id')
    .where('status', 'in', ['pending', 'processing'])
    .where('notBefore', '<=', sql<Date>`now()`)
    .limit(1)
    .executeTakeFirst();
  return run !== undefined;
}

/**
 * Writes the names of a database before anything exists under them, if its server has room for it and takes
 * tenants.
 * @returns whether it may be made.
 */
export async function reserveWarmDatabase(
  registry: RegistryDatabase,
  warm: Omit<Insertable<WarmDatabases>, 'needsRun'>,
): Promise<boolean> {
  return registry.transaction().execute(async (trx) => {
    if (!(await takeRoomQuietly(trx, warm.serverId))) return false;
    // Locked: whoever announces something else at this moment finds the new row, or is found by it.
    const { warmNeedsRun: needsRun } = await trx
      .selectFrom('installation')
      .select('warmNeedsRun')
      .forShare()
      .executeTakeFirstOrThrow();
    await trx
      .insertInto('warmDatabases')
      .values({ ...warm, needsRun })
      .execute();
    return true;
  });
}

/**
 * From now on it may be claimed, unless its template was replaced meanwhile.
 * @returns false when it is no longer the caller's: another keeper has taken it for a leftover.
 */
export async function finishWarmDatabase(
  executor: RegistryExecutor,
  id: string,
  schemaFingerprint: unknown,
): Promise<boolean> {
  const finished = await executor
    .updateTable('warmDatabases as warm')
    .set({
      status: sql`CASE WHEN EXISTS (
        SELECT FROM template_copies c WHERE c.id = warm.template_copy_id AND c.status = 'ready'
      ) THEN 'ready' ELSE 'retiring' END::warm_database_status`,
      schemaFingerprint: JSON.stringify(schemaFingerprint),
      warmedAt: sql<Date>`now()`,
    })
    .where('id', '=', id)
    .where('status', '=', 'warming')
    .returning('id')
    .executeTakeFirst();
  return finished !== undefined;
}

/** Takes databases out of the pool. @returns those that nobody has claimed: they may be dropped. */
export async function retireWarmDatabases(
  executor: RegistryExecutor,
  ids: readonly string[],
): Promise<WarmDatabase[]> {
  if (ids.length === 0) return [];
  return executor
    .updateTable('warmDatabases')
    .set({ status: 'retiring' })
    .where('id', 'in', ids)
    .returningAll()
    .execute();
}

/** Forgets one whose database and roles are gone. */
export async function forgetWarmDatabase(executor: RegistryExecutor, id: string): Promise<void> {
  await executor.deleteFrom('warmDatabases').where('id', '=', id).where('status', '=', 'retiring').execute();
}

/**
 * Says of the whole pool, and of what any process adds to it, whether something is left to do after a claim:
 * while workers are replaced one by one, those of the configuration before go on for some time.
 */
export async function announceNeedsRun(registry: RegistryDatabase, needsRun: boolean): Promise<void> {
  await registry.transaction().execute(async (trx) => {
    await trx.updateTable('installation').set({ warmNeedsRun: needsRun }).execute();
    await trx.updateTable('warmDatabases').set({ needsRun }).where('needsRun', '<>', needsRun).execute();
  });
}

export type WarmCount = {
  server: string;
  template: string;
  ready: number;
  warming: number;
  retiring: number;
};

/** How many there are of each template on each server, none included. */
export async function countWarmDatabases(executor: RegistryExecutor): Promise<WarmCount[]> {
  const { rows } = await sql<WarmCount>`
    SELECT server.name AS server, template.key AS template,
           count(warm.id) FILTER (WHERE warm.status = 'ready')::int AS ready,
           count(warm.id) FILTER (WHERE warm.status = 'warming')::int AS warming,
           count(warm.id) FILTER (WHERE warm.status = 'retiring')::int AS retiring
      FROM database_servers server CROSS JOIN templates template
      LEFT JOIN template_copies copy ON copy.server_id = server.id AND copy.template_id = template.id
      LEFT JOIN warm_databases warm ON warm.template_copy_id = copy.id
     GROUP BY server.name, template.key
     ORDER BY server.name, template.key`.execute(executor);
  return rows;
}
