import type { Bench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

/** The schedule would look by itself at times that a test does not choose. */
export const noSchedule = { TEMPLATE_REFRESH_SCHEDULE: '0 0 1 1 *', WARM_POOL_SIZE: '0' };

function workbenchOf({ assembly }: Bench) {
  if (assembly.workbench === undefined) throw new Error('This bench has no worker.');
  return assembly.workbench;
}

/** One look of the worker at all sources. */
export const look = (bench: Bench) => workbenchOf(bench).sourceWatch.look();

/** The copies of all templates, the oldest first, each with whether its database is on the server. */
export async function listCopies(bench: Bench) {
  const copies = await bench.platform.registry
    .selectFrom('templateCopies as copy')
    .innerJoin('templates as template', 'template.id', 'copy.templateId')
    .select(['copy.id', 'copy.status', 'copy.databaseName', 'copy.templateVersionId', 'template.key'])
    .orderBy('copy.createdAt')
    .execute();
  const { rows } = await bench.runOn('postgres', 'SELECT datname::text AS name FROM pg_database');
  const names = rows.map(({ name }: { name: string }) => name);
  return copies.map((copy) => ({ ...copy, exists: names.includes(copy.databaseName) }));
}

export const statusesOf = async (bench: Bench) => (await listCopies(bench)).map(({ status }) => status);

/** The one copy in use. */
export async function readyCopy(bench: Bench, key = 'default') {
  const [copy, ...more] = (await listCopies(bench)).filter(
    (each) => each.status === 'ready' && each.key === key,
  );
  if (copy === undefined || more.length > 0)
    throw new Error(`There are ${more.length} ready copies too many.`);
  return copy;
}

export async function findTenantOf({ platform }: Bench, tenantId: string) {
  return platform.registry
    .selectFrom('tenantRegistry')
    .selectAll()
    .where('id', '=', tenantId)
    .executeTakeFirstOrThrow();
}

/** The user tables of a tenant's database. */
export async function tablesOf(bench: Bench, tenantId: string): Promise<string[]> {
  const { databaseName } = await findTenantOf(bench, tenantId);
  const { rows } = await bench.runOn(
    databaseName ?? '',
    "SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
  );
  return rows.map(({ name }: { name: string }) => name);
}

export const inconsistencies = ({ server, registryName, config }: Bench) =>
  findInconsistencies(server, { registry: registryName, databasePrefix: config.TENANT_DB_PREFIX });

/** Something that tests wait at until it is opened. */
export function createGate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
