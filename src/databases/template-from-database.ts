import type { PgTools } from './pg-tools-contract.ts';
import { inPrivateFolder } from './pg-tools-folder.ts';
import { quoteIdentifier } from './quote.ts';
import type { ServerSession } from './server-session.ts';
import { dumpSource, type SourceDump } from './source-dump.ts';

import { isAlreadyDone } from './sql-state.ts';
import { asPlatform, withConnection } from './template-connection.ts';
import type { BuildContext, Filling } from './template-contract.ts';
import { createTemplateDatabase } from './template-database.ts';
import { restoreSource } from './template-restore.ts';

/** Fills a new template with a dump of the source. */
export async function fillFromDatabase(
  build: BuildContext,
  { name, tools }: { name: string; tools: PgTools },
): Promise<Filling> {
  return inPrivateFolder(async (folder) => {
    const { server, dataTables, signal } = build;
    const dump = await dumpSource({ server, name, dataTables, tools, folder, signal });
    return fill(build, dump, tools);
  });
}

async function fill(build: BuildContext, dump: SourceDump, tools: PgTools): Promise<Filling> {
  const { server, session, names, neutral, signal } = build;
  const { source } = dump;
  await ensurePolicyRoles(session, source.objects.policyRoles);
  const builder = await createTemplateDatabase(session, { names, neutral, locale: source.locale });
  const lost = await withConnection(asPlatform(server, names.template, signal), (platform) =>
    restoreSource({ build, source, builder, platform }, dump, tools),
  );
  return { builder, sourceFingerprint: source.sourceFingerprint, notCarried: [...source.leftovers, ...lost] };
}

/** A policy cannot be restored without the roles that it names. Without members and logins they can do nothing. */
async function ensurePolicyRoles(session: ServerSession, roles: readonly string[]): Promise<void> {
  const missing = await session.rows<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) name
      WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = name)`,
    [[...roles]],
  );
  for (const { name } of missing) {
    await session.run(`CREATE ROLE ${quoteIdentifier(name)} NOLOGIN`).catch((error: unknown) => {
      if (!isAlreadyDone(error)) throw error;
    });
  }
}
