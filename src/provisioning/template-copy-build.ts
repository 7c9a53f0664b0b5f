import { v7 as uuidv7 } from 'uuid';
import { assertFreeSpace } from '../databases/free-space.ts';
import { ensureNeutralRoles } from '../databases/neutral-roles.ts';
import { findPgTools } from '../databases/pg-tools.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { fingerprintSource } from '../databases/source-inspection.ts';
import { buildTemplate, type TemplateSource } from '../databases/template-build.ts';
import type { BuiltTemplate } from '../databases/template-contract.ts';
import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import { retireOlderCopies } from '../registry/repositories/template-copies.ts';
import {
  finishCopy,
  insertCopy,
  type Template,
  type TemplateCopy,
} from '../registry/repositories/templates.ts';
import { clearAway, dropCopy } from './template-janitor.ts';
import type { LockedPlace } from './template-lock.ts';
import type { TemplateNeeds } from './template-place.ts';

/** What a template takes is known only once it is built: a thousand tables without rows. */
const usualSchemaBytes = 32 * 1024 * 1024;

/**
 * Makes a copy of the source as it is now; from its end on older ones are given to nobody new. What a failing
 * build leaves is removed at once, what a dying one leaves by the next.
 */
export async function buildCopy(needs: TemplateNeeds, place: LockedPlace): Promise<TemplateCopy> {
  const { registry, naming } = needs;
  const { template, server, session } = place;
  await clearAway(needs, place);
  await assertFreeSpace(session, { template: template.sourceDatabase, sizeBytes: usualSchemaBytes });
  await ensureNeutralRoles(session, naming.neutral);
  const source = await chooseSource(needs, session, template);
  const names = naming.newTemplateNames();
  // The row is written first: a database that no row names would never be found again.
  const copy = await insertCopy(registry, {
    id: uuidv7(),
    templateId: template.id,
    serverId: server.id,
    databaseName: names.database,
    builderRole: names.builderRole,
    sourceDatabase: template.sourceDatabase,
    dataTables: template.dataTables,
  });
  try {
    const built = await fill(needs, place, { source, copy });
    return await needs.around('build-template: record', () => record(needs, copy, built));
  } catch (error) {
    await dropCopy(needs, place, copy).catch((obstacle) =>
      needs.log.warn({ err: obstacle }, 'An unfinished template stays until the next look'),
    );
    throw error;
  }
}

type Building = { source: TemplateSource; copy: TemplateCopy };

async function fill(
  { naming, around, log }: TemplateNeeds,
  { template, server, session, signal }: LockedPlace,
  { source, copy }: Building,
): Promise<BuiltTemplate> {
  const options = { dataTables: template.dataTables, signal };
  const built = await buildTemplate({
    server,
    session,
    source,
    names: { template: copy.databaseName, builderRole: copy.builderRole },
    neutral: naming.neutral,
    around,
    log,
    ...options,
  });
  if (source.kind === 'database') return built;
  // A script says nothing of the database that it stands for, and that database is what is watched.
  return { ...built, sourceFingerprint: await fingerprintSource(server, template.sourceDatabase, options) };
}

/** A build that was taken for hanging may go on when its copy has been thrown away already. */
async function record(
  { registry }: TemplateNeeds,
  { id, templateId }: TemplateCopy,
  built: BuiltTemplate,
): Promise<TemplateCopy> {
  return registry.transaction().execute(async (trx) => {
    const copy = await finishCopy(trx, { ...built, id, templateId });
    if (copy === undefined)
      throw errors.serverBusy('another process has taken over the building of the template');
    await retireOlderCopies(trx, copy);
    await publish(trx, { kind: 'warm.wanted', serverId: copy.serverId });
    return copy;
  });
}

/** Where there is no pg_dump, the sample's own script does as well. */
async function chooseSource(
  { sample, pgDump, serverBinDir, docker, log }: TemplateNeeds,
  session: ServerSession,
  { sourceDatabase }: Template,
): Promise<TemplateSource> {
  try {
    const tools = await findPgTools({
      serverMajor: session.features.major,
      ...(pgDump === undefined ? {} : { pgDump }),
      ...(serverBinDir === undefined ? {} : { serverBinDir }),
      ...(docker === undefined ? {} : { docker }),
    });
    return { kind: 'database', name: sourceDatabase, tools };
  } catch (error) {
    if (sample?.sourceDatabase !== sourceDatabase) throw error;
    log.info('pg_dump was not found: the template is made from the sample’s script');
    return { kind: 'sql', path: sample.script };
  }
}
