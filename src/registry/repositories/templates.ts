import { type Insertable, type Selectable, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import type { RegistryExecutor } from '../registry-database.ts';
import type { TemplateCopies, Templates } from '../tables.generated.ts';

export type Template = Selectable<Templates>;
export type TemplateCopy = Selectable<TemplateCopies>;
export type TemplateSource = { key: string; sourceDatabase: string; dataTables: readonly string[] };

/** Makes the template of that key known with this source. */
export async function upsertTemplate(executor: RegistryExecutor, source: TemplateSource): Promise<Template> {
  const { key, sourceDatabase, dataTables } = source;
  return executor
    .insertInto('templates')
    .values({ id: uuidv7(), key, sourceDatabase, dataTables: [...dataTables] })
    .onConflict((conflict) =>
      conflict.column('key').doUpdateSet({ sourceDatabase, dataTables: [...dataTables] }),
    )
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** @returns undefined when there is one of that key. */
export async function insertTemplate(
  executor: RegistryExecutor,
  source: TemplateSource,
): Promise<Template | undefined> {
  const { key, sourceDatabase, dataTables } = source;
  return executor
    .insertInto('templates')
    .values({ id: uuidv7(), key, sourceDatabase, dataTables: [...dataTables] })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .returningAll()
    .executeTakeFirst();
}

/** In the order in which they were made known. */
export async function listTemplates(executor: RegistryExecutor): Promise<Template[]> {
  return executor.selectFrom('templates').selectAll().orderBy('createdAt').orderBy('id').execute();
}

export async function findTemplateById(
  executor: RegistryExecutor,
  id: string,
): Promise<Template | undefined> {
  return executor.selectFrom('templates').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function findTemplate(executor: RegistryExecutor, key: string): Promise<Template | undefined> {
  return executor.selectFrom('templates').selectAll().where('key', '=', key).executeTakeFirst();
}

/** Keeps why there is no new template, for those who ask how the system is; null when all is well. */
export async function noteTemplateTrouble(
  executor: RegistryExecutor,
  id: string,
  trouble: { code: string; detail: string } | null,
): Promise<void> {
  await executor
    .updateTable('templates')
    .set({ troubleCode: trouble?.code ?? null, troubleDetail: trouble?.detail ?? null })
    .where('id', '=', id)
    .execute();
}

/** The templates that cannot be made at present, and why. */
export async function listTemplateTroubles(
  executor: RegistryExecutor,
): Promise<{ code: string; detail: string }[]> {
  return executor
    .selectFrom('templates')
    .select(['troubleCode as code', 'troubleDetail as detail'])
    .where('troubleCode', 'is not', null)
    .$narrowType<{ code: string; detail: string }>()
    .execute();
}

export type CopyPlace = { templateId: string; serverId: string };
export type CopyWish = CopyPlace & { sourceDatabase: string };
export type NewestCopy = NonNullable<Awaited<ReturnType<typeof newestCopy>>>;

/** The newest finished copy of that source, with the fingerprint that the source had. */
export async function newestCopy(executor: RegistryExecutor, place: CopyWish) {
  return executor
    .selectFrom('templateCopies as copy')
    .innerJoin('templateVersions as version', 'version.id', 'copy.templateVersionId')
    .selectAll('copy')
    .select(['version.sourceFingerprint', 'version.notCarried'])
    .where('copy.templateId', '=', place.templateId)
    .where('copy.serverId', '=', place.serverId)
    .where('copy.sourceDatabase', '=', place.sourceDatabase)
    .where('copy.status', '=', 'ready')
    .orderBy('copy.builtAt', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export async function findCopy(executor: RegistryExecutor, id: string): Promise<TemplateCopy | undefined> {
  return executor.selectFrom('templateCopies').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertCopy(
  executor: RegistryExecutor,
  copy: Insertable<TemplateCopies>,
): Promise<TemplateCopy> {
  return executor.insertInto('templateCopies').values(copy).returningAll().executeTakeFirstOrThrow();
}

export type BuiltCopy = {
  id: string;
  templateId: string;
  sourceFingerprint: string;
  notCarried: unknown;
  /** What ALTER DATABASE … SET is to say of each clone. */
  settings: unknown;
  fingerprint: unknown;
  sizeBytes: number;
};

/**
 * Marks a copy as ready, under a version that is new when its source was never seen like this.
 * @returns undefined when the copy is no longer this builder's.
 */
export async function finishCopy(
  executor: RegistryExecutor,
  built: BuiltCopy,
): Promise<TemplateCopy | undefined> {
  const { id: versionId } = await executor
    .insertInto('templateVersions')
    .values({
      id: uuidv7(),
      templateId: built.templateId,
      sourceFingerprint: built.sourceFingerprint,
      notCarried: JSON.stringify(built.notCarried),
    })
    .onConflict((conflict) =>
      conflict
        .columns(['templateId', 'sourceFingerprint'])
        .doUpdateSet({ notCarried: JSON.stringify(built.notCarried) }),
    )
    .returning('id')
    .executeTakeFirstOrThrow();
  return executor
    .updateTable('templateCopies')
    .set({
      templateVersionId: versionId,
      status: 'ready',
      fingerprint: JSON.stringify(built.fingerprint),
      databaseSettings: JSON.stringify(built.settings),
      sizeBytes: built.sizeBytes,
      builtAt: sql<Date>`now()`,
      lookedAt: sql<Date>`now()`,
      seenFingerprint: built.sourceFingerprint,
    })
    .where('id', '=', built.id)
    .where('status', '=', 'building')
    .returningAll()
    .executeTakeFirst();
}
