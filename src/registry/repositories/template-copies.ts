import { sql } from 'kysely';
import type { RegistryDatabase, RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
import type { CopyPlace, TemplateCopy } from './templates.ts';

/**
 * Keeps a copy from going until the transaction's commit, for a tenant that is to be cloned from it.
 * @returns false when it is going already.
 */
export async function holdCopy(trx: RegistryTransaction, id: string): Promise<boolean> {
  const held = await trx
    .selectFrom('templateCopies')
    .select('id')
    .where('id', '=', id)
    .where('status', 'in', ['ready', 'retiring'])
    .forShare()
    .executeTakeFirst();
  return held !== undefined;
}

/** Every older copy of the same template on the same server goes when nobody needs it any more. */
export async function retireOlderCopies(trx: RegistryTransaction, newest: TemplateCopy): Promise<void> {
  const retired = await trx
    .updateTable('templateCopies')
    .set({ status: 'retiring', retiredAt: sql<Date>`now()` })
    .where('templateId', '=', newest.templateId)
    .where('serverId', '=', newest.serverId)
    .where('status', '=', 'ready')
    .where('id', '<>', newest.id)
    .returning('id')
    .execute();
  for (const { id } of retired) await retireWarmDatabases(trx, id);
}

/** A copy whose database is not what it was: nobody clones it any more. What was made from it stays as it is. */
export async function loseCopy(registry: RegistryDatabase, id: string): Promise<void> {
  await registry.transaction().execute(async (trx) => {
    await trx
      .updateTable('templateCopies')
      .set({ status: 'dropping', retiredAt: sql<Date>`now()` })
      .where('id', '=', id)
      .where('status', 'in', ['ready', 'retiring'])
      .execute();
    await retireWarmDatabases(trx, id);
  });
}

/** They are complete, and give way to those of the newest copy. */
async function retireWarmDatabases(executor: RegistryExecutor, copyId: string): Promise<void> {
  await executor
    .updateTable('warmDatabases')
    .set({ status: 'retiring' })
    .where('templateCopyId', '=', copyId)
    .where('status', '=', 'ready')
    .execute();
}

/** Everything of a template on a server that is not in use: unfinished, replaced, or half dropped. */
export async function listCopiesToDrop(
  executor: RegistryExecutor,
  { templateId, serverId }: CopyPlace,
): Promise<TemplateCopy[]> {
  return executor
    .selectFrom('templateCopies')
    .selectAll()
    .where('templateId', '=', templateId)
    .where('serverId', '=', serverId)
    .where('status', '<>', 'ready')
    .orderBy('createdAt')
    .execute();
}

/**
 * From its commit on nobody may pin the copy. A replaced one stays as long as a tenant that is being made, or a
 * warm database, still needs it.
 * @returns whether its database is now the caller's to drop.
 */
export async function claimForDropping(registry: RegistryDatabase, id: string): Promise<boolean> {
  return registry.transaction().execute(async (trx) => {
    // Waits for whoever is about to pin it, and sees what they have pinned.
    const copy = await trx
      .selectFrom('templateCopies')
      .select('status')
      .where('id', '=', id)
      .where('status', '<>', 'ready')
      .forUpdate()
      .executeTakeFirst();
    if (copy === undefined) return false;
    if (copy.status === 'retiring' && (await isNeeded(trx, id))) return false;
    await trx.updateTable('templateCopies').set({ status: 'dropping' }).where('id', '=', id).execute();
    return true;
  });
}

/** Forgets a copy whose database is gone; one that is still named by somebody is forgotten later. */
export async function forgetDroppedCopy(registry: RegistryDatabase, id: string): Promise<void> {
  await registry.transaction().execute(async (trx) => {
    if (await isNeeded(trx, id)) return;
    await trx.deleteFrom('templateCopies').where('id', '=', id).where('status', '=', 'dropping').execute();
  });
}

async function isNeeded(trx: RegistryTransaction, id: string): Promise<boolean> {
  const needed = await trx
    .selectFrom('tenantRegistry')
    .select('id')
    .where('templateCopyId', '=', id)
    .unionAll(trx.selectFrom('warmDatabases').select('id').where('templateCopyId', '=', id))
    .limit(1)
    .executeTakeFirst();
  return needed !== undefined;
}

/** What a look at the source saw, beside what the copy was made from. */
export async function noteLook(
  executor: RegistryExecutor,
  id: string,
  seenFingerprint: string,
): Promise<void> {
  await executor
    .updateTable('templateCopies')
    .set({ seenFingerprint, lookedAt: sql<Date>`now()` })
    .where('id', '=', id)
    .execute();
}

/** The servers that have copies of a template, or are making one. */
export async function listServersOfTemplate(
  executor: RegistryExecutor,
  templateId: string,
): Promise<string[]> {
  const rows = await executor
    .selectFrom('templateCopies')
    .select('serverId')
    .distinct()
    .where('templateId', '=', templateId)
    .execute();
  return rows.map(({ serverId }) => serverId);
}
