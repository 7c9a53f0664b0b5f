import { type Insertable, type QueryCreator, sql } from 'kysely';
import { runPrepared } from '../prepared-statements.ts';
import type { RegistryTransaction } from '../registry-database.ts';
import type { DB, TenantRegistry } from '../tables.generated.ts';
import { slugIsInUse } from './tenants.ts';
import type { WarmDatabase } from './warm-databases.ts';

type WarmWish = {
  templateId: string;
  region: string;
  /** A run can also do what is left to do after the claim; a registration takes only what is complete. */
  claimant: 'registration' | 'run';
};

/**
 * Takes a finished database out of the pool for the run of a tenant; nobody is waited for, and nobody else gets
 * the same one.
 * @returns undefined when none is to be had.
 */
export async function claimWarmDatabase(
  trx: RegistryTransaction,
  wish: Pick<WarmWish, 'templateId' | 'region'>,
): Promise<WarmDatabase | undefined> {
  return trx
    .with('free', (db) => freeWarmDatabase(db, { ...wish, claimant: 'run' }).select('warm.id'))
    .deleteFrom('warmDatabases as claimed')
    .using('free')
    .whereRef('claimed.id', '=', 'free.id')
    .returningAll('claimed')
    .executeTakeFirst();
}

export type ActiveTenantToBe = Pick<Insertable<TenantRegistry>, 'id' | 'slug' | 'name' | 'plan'> & {
  region: string;
  templateId: string;
};

/** `none`: there is no database to be had. */
export type WarmStart = { outcome: 'none' | 'slugTaken' } | { outcome: 'active'; serverId: string };

/**
 * Inserts a tenant that is active in a database of the pool, and takes that out of the pool: in one statement,
 * since somebody waits for it. It was verified when it was warmed; no template copy is pinned, for nothing is
 * cloned any more. Where the slug is taken, the database stays in the pool.
 */
export async function insertActiveTenant(
  trx: RegistryTransaction,
  { id, slug, name, plan, region, templateId }: ActiveTenantToBe,
): Promise<WarmStart> {
  const claim = trx
    .with('free', (db) =>
      freeWarmDatabase(db, { templateId, region, claimant: 'registration' })
        .selectAll('warm')
        .select('copy.sizeBytes'),
    )
    .with('tenant', (db) =>
      db
        .insertInto('tenantRegistry')
        .columns(activeColumns)
        .expression(
          sql`
            SELECT ${id}::uuid, ${slug}, ${name}, ${plan}, ${region}, ${templateId}::uuid, 'active'::tenant_status,
                   now(), now(), server_id, id, database_name, migrator_role, application_role, sealed_data_key,
                   sealed_application_password, sealed_migrator_password, template_version_id, schema_fingerprint,
                   size_bytes
              FROM free`,
        )
        .onConflict((conflict) => conflict.column('slug').where(slugIsInUse).doNothing())
        .returning(['tenantRegistry.databaseId']),
    )
    .with('claimed', (db) =>
      db.deleteFrom('warmDatabases as warm').using('tenant').whereRef('warm.id', '=', 'tenant.databaseId'),
    )
    .selectFrom('free')
    .leftJoin('tenant', 'tenant.databaseId', 'free.id')
    .select(['free.serverId', 'tenant.databaseId']);
  const [found] = await runPrepared(trx, claim);
  if (found === undefined) return { outcome: 'none' };
  if (found.databaseId === null) return { outcome: 'slugTaken' };
  return { outcome: 'active', serverId: found.serverId };
}

const activeColumns = [
  'id',
  'slug',
  'name',
  'plan',
  'region',
  'templateId',
  'status',
  'provisioningAt',
  'activatedAt',
  'serverId',
  'databaseId',
  'databaseName',
  'migratorRole',
  'applicationRole',
  'sealedDataKey',
  'sealedApplicationPassword',
  'sealedMigratorPassword',
  'templateVersionId',
  'schemaFingerprint',
  'databaseSizeBytes',
] as const;

/** The one that has waited longest, locked. Another region's only where the own one has no server to offer. */
function freeWarmDatabase(db: QueryCreator<DB>, { templateId, region, claimant }: WarmWish) {
  return db
    .selectFrom('warmDatabases as warm')
    .innerJoin('databaseServers as server', 'server.id', 'warm.serverId')
    .innerJoin('templateCopies as copy', 'copy.id', 'warm.templateCopyId')
    .innerJoin('templates as template', (join) =>
      join
        .onRef('template.id', '=', 'copy.templateId')
        .onRef('template.sourceDatabase', '=', 'copy.sourceDatabase'),
    )
    .where('warm.status', '=', 'ready')
    .$if(claimant === 'registration', (ready) => ready.where('warm.needsRun', '=', false))
    .where('template.id', '=', templateId)
    .where('copy.status', '=', 'ready')
    .where('server.status', '=', 'open')
    .where('server.weight', '>', 0)
    .where(({ or, eb, not, exists, selectFrom }) =>
      or([
        eb('server.region', '=', region),
        not(
          exists(
            selectFrom('databaseServers as own')
              .select('own.id')
              .where('own.region', '=', region)
              .where('own.status', '=', 'open')
              .where('own.weight', '>', 0),
          ),
        ),
      ]),
    )
    .orderBy('warm.warmedAt')
    .limit(1)
    .forUpdate('warm')
    .skipLocked();
}
