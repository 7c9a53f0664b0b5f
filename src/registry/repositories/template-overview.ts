import type { RegistryExecutor } from '../registry-database.ts';
import type { Template } from './templates.ts';

/** However many there were, those that are in use and the newest are told of. */
const newestVersions = 10;

export type TemplateOverview = Awaited<ReturnType<typeof readTemplateOverview>>;
export type CopyOverview = TemplateOverview['copies'][number];

/** A template with its versions and copies, the newest first. */
export async function readTemplateOverview(executor: RegistryExecutor, template: Template) {
  const [versions, copies] = await Promise.all([
    listVersions(executor, template.id),
    listCopies(executor, template.id),
  ]);
  return { ...template, versions, copies };
}

function listVersions(executor: RegistryExecutor, templateId: string) {
  const all = () => executor.selectFrom('templateVersions').where('templateId', '=', templateId);
  return all()
    .selectAll()
    .where(({ or, eb }) =>
      or([
        eb('id', 'in', all().select('id').orderBy('createdAt', 'desc').limit(newestVersions)),
        eb(
          'id',
          'in',
          executor
            .selectFrom('templateCopies')
            .select('templateVersionId')
            .where('templateId', '=', templateId)
            .where('templateVersionId', 'is not', null),
        ),
      ]),
    )
    .orderBy('createdAt', 'desc')
    .execute();
}

function listCopies(executor: RegistryExecutor, templateId: string) {
  return executor
    .selectFrom('templateCopies as copy')
    .innerJoin('databaseServers as server', 'server.id', 'copy.serverId')
    .leftJoin('templateVersions as version', 'version.id', 'copy.templateVersionId')
    .selectAll('copy')
    .select(['server.name as server', 'version.sourceFingerprint'])
    .select(({ selectFrom, fn }) => [
      selectFrom('warmDatabases as warm')
        .select(fn.countAll<number>().as('count'))
        .whereRef('warm.templateCopyId', '=', 'copy.id')
        .where('warm.status', '=', 'ready')
        .as('warmDatabases'),
      selectFrom('tenantRegistry as tenant')
        .select(fn.countAll<number>().as('count'))
        .whereRef('tenant.templateCopyId', '=', 'copy.id')
        .as('tenantsInMaking'),
    ])
    .where('copy.templateId', '=', templateId)
    .orderBy('copy.createdAt', 'desc')
    .execute();
}

/** Whether a database of that name is, or is to be, a tenant's, a warm one or a template's, or was put into quarantine. */
export async function isPlatformDatabase(executor: RegistryExecutor, name: string): Promise<boolean> {
  const found = await executor
    .selectFrom('tenantRegistry')
    .select('databaseName')
    .where(({ or, eb }) => or([eb('databaseName', '=', name), eb('renamedFrom', '=', name)]))
    .unionAll(executor.selectFrom('warmDatabases').select('databaseName').where('databaseName', '=', name))
    .unionAll(executor.selectFrom('templateCopies').select('databaseName').where('databaseName', '=', name))
    .unionAll(
      executor
        .selectFrom('quarantinedObjects')
        .select('name as databaseName')
        .where('kind', '=', 'database')
        .where('name', '=', name),
    )
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}
