import { v7 as uuidv7 } from 'uuid';
import type { DatabaseServer } from '../databases/database-server.ts';
import { ensureNeutralRoles } from '../databases/neutral-roles.ts';
import { findPgTools } from '../databases/pg-tools.ts';
import { openServerSession, type ServerSession } from '../databases/server-session.ts';
import { fingerprintSource } from '../databases/source-inspection.ts';
import { buildTemplate, type TemplateSource } from '../databases/template-build.ts';
import { discardTemplate } from '../databases/template-database.ts';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import {
  deleteCopy,
  finishCopy,
  insertCopy,
  listUnfinishedCopies,
  newestCopy,
  type Template,
  type TemplateCopy,
} from '../registry/repositories/templates.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Naming } from './database-names.ts';

const lockWaitMs = 120_000;
const statementTimeoutMs = 600_000;

export type TemplateNeeds = {
  registry: RegistryDatabase;
  naming: Naming;
  sourceDatabase: string;
  /** Makes the same schema as the source without pg_dump; known for the embedded sample only. */
  sampleScript: string | undefined;
  pgDump: string | undefined;
  serverBinDir: string | undefined;
  docker: { container: string } | undefined;
  applicationName: string;
  log: Logger;
};

export type TemplatePlace = { template: Template; server: DatabaseServer; signal: AbortSignal };

/** Template copies: one per version and server, built from the source, sealed, never connected to. */
export function createTemplates(needs: TemplateNeeds) {
  const { registry } = needs;
  const newest = ({ template, server }: TemplatePlace) =>
    newestCopy(registry, {
      templateId: template.id,
      serverId: server.id,
      sourceDatabase: needs.sourceDatabase,
    });

  return {
    /** The newest copy on the server; builds the first one. Callers that come meanwhile wait for it. */
    async ensureCopy(place: TemplatePlace): Promise<TemplateCopy> {
      const copy = await newest(place);
      if (copy !== undefined) return copy;
      return withTemplateLock(
        needs,
        place,
        async (session) => (await newest(place)) ?? build(needs, place, session),
      );
    },

    /**
     * Looks at the source and builds a new version when it is not what the newest copy came from.
     * @returns the new copy, or null when nothing has changed.
     */
    async refresh(place: TemplatePlace): Promise<TemplateCopy | null> {
      return withTemplateLock(needs, place, async (session) => {
        const copy = await newest(place);
        if (copy !== undefined && (await isCurrent(needs, place, copy.sourceFingerprint))) return null;
        return build(needs, place, session);
      });
    },
  };
}

export type TemplateLibrary = ReturnType<typeof createTemplates>;

async function isCurrent(
  { sourceDatabase }: TemplateNeeds,
  { template, server, signal }: TemplatePlace,
  known: string,
): Promise<boolean> {
  return (
    (await fingerprintSource(server, sourceDatabase, { dataTables: template.dataTables, signal })) === known
  );
}

async function build(
  needs: TemplateNeeds,
  place: TemplatePlace,
  session: ServerSession,
): Promise<TemplateCopy> {
  const { registry, naming } = needs;
  const { template } = place;
  await clearUnfinished(needs, place, session);
  await ensureNeutralRoles(session, naming.neutral);
  const source = await chooseSource(needs, session);
  const names = naming.newTemplateNames();
  // The row is written first: a database that no row names would never be found again.
  const copy = await insertCopy(registry, {
    id: uuidv7(),
    templateId: template.id,
    serverId: place.server.id,
    databaseName: names.database,
    builderRole: names.builderRole,
    sourceDatabase: needs.sourceDatabase,
    dataTables: template.dataTables,
  });
  try {
    return await fill(needs, place, { session, source, copy });
  } catch (error) {
    await clearUnfinished(needs, place, session).catch((obstacle) =>
      needs.log.warn({ err: obstacle }, 'An unfinished template stays until the next attempt'),
    );
    throw error;
  }
}

type Building = { session: ServerSession; source: TemplateSource; copy: TemplateCopy };

async function fill(
  needs: TemplateNeeds,
  place: TemplatePlace,
  { session, source, copy }: Building,
): Promise<TemplateCopy> {
  const { template, server, signal } = place;
  const options = { dataTables: template.dataTables, signal };
  const built = await buildTemplate({
    server,
    session,
    source,
    names: { template: copy.databaseName, builderRole: copy.builderRole },
    neutral: needs.naming.neutral,
    log: needs.log,
    ...options,
  });
  // A script says nothing of the database that it stands for, and that database is what is watched.
  const sourceFingerprint =
    source.kind === 'sql'
      ? await fingerprintSource(server, needs.sourceDatabase, options)
      : built.sourceFingerprint;
  return needs.registry
    .transaction()
    .execute((trx) => finishCopy(trx, { ...built, sourceFingerprint, id: copy.id, templateId: template.id }));
}

/** Where there is no pg_dump, the sample's own script does as well. */
async function chooseSource(needs: TemplateNeeds, session: ServerSession): Promise<TemplateSource> {
  const { sourceDatabase, sampleScript, pgDump, serverBinDir, docker } = needs;
  try {
    const tools = await findPgTools({
      serverMajor: session.features.major,
      ...(pgDump === undefined ? {} : { pgDump }),
      ...(serverBinDir === undefined ? {} : { serverBinDir }),
      ...(docker === undefined ? {} : { docker }),
    });
    return { kind: 'database', name: sourceDatabase, tools };
  } catch (error) {
    if (sampleScript === undefined) throw error;
    needs.log.info('pg_dump was not found: the template is made from the sample’s script');
    return { kind: 'sql', path: sampleScript };
  }
}

/** Under the template's lock nobody builds: what is unfinished was left by a crash. */
async function clearUnfinished(
  { registry }: TemplateNeeds,
  { template, server }: TemplatePlace,
  session: ServerSession,
): Promise<void> {
  for (const copy of await listUnfinishedCopies(registry, { templateId: template.id, serverId: server.id })) {
    await discardTemplate(session, { template: copy.databaseName, builderRole: copy.builderRole });
    await deleteCopy(registry, copy.id);
  }
}

async function withTemplateLock<T>(
  needs: TemplateNeeds,
  place: TemplatePlace,
  work: (session: ServerSession) => Promise<T>,
): Promise<T> {
  const session = await openServerSession(place.server, {
    applicationName: needs.applicationName,
    statementTimeoutMs,
  });
  try {
    if (!(await session.lock(`template:${place.template.id}`, lockWaitMs)))
      throw errors.serverBusy('another process is building the template');
    return await work(session);
  } finally {
    await session.close();
  }
}
