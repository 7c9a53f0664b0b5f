import type { PgTools } from './pg-tools-contract.ts';
import { clearLeftFolders, inPrivateFolder } from './pg-tools-folder.ts';
import { dumpSource, type SourceDump } from './source-dump.ts';
import { asPlatform, withConnection } from './template-connection.ts';
import type { BuildContext, Filling } from './template-contract.ts';
import { createTemplateDatabase } from './template-database.ts';
import { ensurePolicyRoles } from './template-policy-roles.ts';
import { restoreSource } from './template-restore.ts';

/** Fills a new template with a dump of the source. */
export async function fillFromDatabase(
  build: BuildContext,
  { name, tools }: { name: string; tools: PgTools },
): Promise<Filling> {
  await clearLeftFolders();
  return inPrivateFolder(async (folder) => {
    const { server, dataTables, signal, around } = build;
    const dump = await around('build-template: dump', () =>
      dumpSource({ server, name, dataTables, tools, folder, signal }),
    );
    return around('build-template: restore', () => fill(build, dump, tools));
  });
}

async function fill(build: BuildContext, dump: SourceDump, tools: PgTools): Promise<Filling> {
  const { server, session, names, neutral, signal } = build;
  const { source } = dump;
  await ensurePolicyRoles(session, source.objects.policyRoles);
  const { locale, settings } = source;
  const builder = await createTemplateDatabase(session, { names, neutral, locale, settings });
  const lost = await withConnection(asPlatform(server, names.template, signal), (platform) =>
    restoreSource({ build, source, builder, platform }, dump, tools),
  );
  const notCarried = [...source.leftovers, ...lost];
  return { builder, sourceFingerprint: source.sourceFingerprint, notCarried, settings };
}
