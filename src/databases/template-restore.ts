import type pg from 'pg';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { findJoinedByHand } from './extension-members.ts';
import type { PgTools } from './pg-tools-contract.ts';
import type { SourceDump } from './source-dump.ts';
import type { Source } from './source-inspection.ts';
import type { NotCarried } from './source-leftovers.ts';
import { countTables, findDependents, isReported } from './template-dependents.ts';
import {
  assertTriggersSafe,
  type RefusedTrigger,
  refusedInSource,
  takeTriggerFunctions,
} from './template-event-triggers.ts';
import { createExtensions } from './template-extensions.ts';
import {
  type ArchivePlan,
  type Entry,
  type Excluded,
  leaveOut,
  planRestore,
  type Run,
} from './template-lanes.ts';
import { giveToOwner } from './template-ownership.ts';
import { expressPrivileges, type Restoration } from './template-privileges.ts';
import { countUserTables, openPublicSchema } from './template-schema.ts';
import { refreshViews } from './template-views.ts';

type Archive = { readonly file: string; readonly plan: ArchivePlan };

/**
 * Restores a dump without running code of its author as superuser: the platform makes only what nobody else
 * may, and of that nothing that calls a function of the source. Gives what was not carried.
 */
export async function restoreSource(
  restoration: Restoration,
  dump: SourceDump,
  tools: PgTools,
): Promise<NotCarried[]> {
  const { build, source, platform } = restoration;
  const dependents = await readDependents(dump, tools, build.signal);
  const archives = await readArchives({ dump, tools, signal: build.signal }, dependents);
  const restore = (runs: (plan: ArchivePlan) => readonly Run[]) =>
    restoreRuns(restoration, tools, pick(archives, runs));

  await preparePublicSchema(platform, restoration);
  const lost = [
    ...excludedObjects(source).map(asNotCarried),
    ...dependents.filter(isReported).map((entry) => lostEntry(entry, 'it needs what is not carried')),
    ...(await restore((plan) => plan.schemas)),
    ...(await createExtensions(platform, source.objects.extensions)),
    ...(await findJoinedByHand(platform, source.extensionMembers, source.objects.extensions)),
    ...(await restore((plan) => plan.wrappers)),
    ...(await restore((plan) => plan.objects)),
  ];
  await assertComplete(platform, source, countTables(dependents));
  lost.push(...(await refreshViews(restoration)));
  lost.push(...(await expressPrivileges(restoration)));
  return [...lost, ...(await restoreEventTriggers(restoration, archives, tools))];
}

/** When everything else is done: afterwards no statement of the platform may change anything in this database. */
async function restoreEventTriggers(
  restoration: Restoration,
  archives: readonly Archive[],
  tools: PgTools,
): Promise<NotCarried[]> {
  const { platform, source } = restoration;
  const carried = source.objects.eventTriggers.filter(({ isSecurityDefiner }) => !isSecurityDefiner);
  const refused = (await takeTriggerFunctions(platform, carried)).map(excludedTrigger);
  const runs = leaveOut(
    pick(archives, (plan) => plan.eventTriggers),
    refused,
  );
  const lost = await restoreRuns(restoration, tools, runs);
  await assertTriggersSafe(platform);
  return [...refused.map(asNotCarried), ...lost];
}

/** Nothing depends on anything excluded in most sources, and then pg_restore is not asked. */
async function readDependents(
  { schemaArchive, source }: SourceDump,
  tools: PgTools,
  signal: AbortSignal,
): Promise<Entry[]> {
  const excluded = excludedObjects(source);
  if (excluded.length === 0) return [];
  return findDependents(await tools.list(schemaArchive, ['--verbose'], signal), excluded);
}

type Reading = { dump: SourceDump; tools: PgTools; signal: AbortSignal };

/**
 * Rows go in between what defines tables and what checks them: indexes, keys, triggers. Each archive numbers its
 * entries by itself, so that the dependents are meant in that of the schema only.
 */
async function readArchives(
  { dump, tools, signal }: Reading,
  dependents: readonly Entry[],
): Promise<Archive[]> {
  const { schemaArchive, dataArchive, source } = dump;
  const excluded = excludedObjects(source);
  const read = async (file: string, without: readonly Excluded[], options: string[]) => ({
    file,
    plan: planRestore(await tools.list(file, options, signal), without),
  });
  const ofSchema = [...excluded, ...dependents];
  if (dataArchive === undefined) return [await read(schemaArchive, ofSchema, [])];
  return [
    await read(schemaArchive, ofSchema, ['--section=pre-data']),
    await read(dataArchive, excluded, []),
    await read(schemaArchive, ofSchema, ['--section=post-data']),
  ];
}

type ArchiveRun = Run & { readonly file: string };

function pick(archives: readonly Archive[], runs: (plan: ArchivePlan) => readonly Run[]): ArchiveRun[] {
  return archives.flatMap(({ file, plan }) => runs(plan).map((run) => ({ ...run, file })));
}

async function restoreRuns(
  restoration: Restoration,
  tools: PgTools,
  runs: readonly ArchiveRun[],
): Promise<NotCarried[]> {
  const { isSuperuser, major } = restoration.build.session.features;
  const lost: NotCarried[] = [];
  for (const run of runs) {
    const isAllowed = run.lane === 'builder' || isSuperuser;
    if (isAllowed) await restoreEntries(restoration, tools, run);
    else lost.push(...(await restoreWhatIsAllowed(restoration, tools, run)));
    if (run.lane === 'platform')
      await giveToOwner(restoration.platform, restoration.build.neutral.owner, major);
  }
  return lost;
}

function restoreEntries({ build, builder }: Restoration, tools: PgTools, run: ArchiveRun): Promise<void> {
  const { server, names, session, signal } = build;
  const who = run.lane === 'builder' ? builder : server.admin;
  return tools.restore({
    login: { address: server, ...who, database: names.template },
    archive: run.file,
    entries: run.entries.map(({ id }) => id),
    serverMajor: session.features.major,
    signal,
  });
}

/** On managed servers the platform's login is no superuser, and what it may not make tenants go without. */
async function restoreWhatIsAllowed(
  restoration: Restoration,
  tools: PgTools,
  run: ArchiveRun,
): Promise<NotCarried[]> {
  const lost: NotCarried[] = [];
  for (const entry of run.entries) {
    try {
      await restoreEntries(restoration, tools, { ...run, entries: [entry] });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== errors.restoreFailed.definition.code) throw error;
      lost.push(lostEntry(entry, error.message));
    }
  }
  return lost;
}

function lostEntry({ label }: Entry, why: string): NotCarried {
  return { kind: 'object', name: label, why };
}

async function preparePublicSchema(platform: pg.Client, { build, source }: Restoration): Promise<void> {
  if (source.objects.hasPublicSchema) await openPublicSchema(platform, build.neutral);
  else await platform.query('DROP SCHEMA public');
}

/** A dump that ends early where nothing refers to what is missing restores without an error. */
async function assertComplete(platform: pg.Client, source: Source, leftOut: number): Promise<void> {
  const found = await countUserTables(platform);
  if (found === source.tables - leftOut) return;
  throw errors.restoreFailed(
    `it holds ${found} tables, and the source has ${source.tables}${leftOut === 0 ? '' : `, of which ${leftOut} are left out`}`,
  );
}

/** What would give the author of the source a superuser's rights, at once or in every tenant. */
function excludedObjects({ objects }: Source): (Excluded & NotCarried)[] {
  return [
    ...objects.unsafeWrappers.map(({ oid, kind, name }) => ({
      oid,
      kind,
      name,
      label: `${kind.toUpperCase()} ${name}`,
      why: 'making it would run a function of the source as superuser',
    })),
    ...refusedInSource(objects.eventTriggers).map(excludedTrigger),
  ];
}

function excludedTrigger({ trigger: { oid, name }, why }: RefusedTrigger): Excluded & NotCarried {
  return { oid, kind: 'event trigger', name, label: `EVENT TRIGGER ${name}`, why };
}

function asNotCarried({ kind, name, why }: NotCarried): NotCarried {
  return { kind, name, why };
}
