import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { errors } from '../errors/catalogue.ts';
import { applicationPrivilegeStatements } from './privileges-application.ts';
import { runAsBuilder } from './template-builder.ts';
import { asPlatform, withConnection } from './template-connection.ts';
import type { BuildContext, Filling } from './template-contract.ts';
import { createTemplateDatabase } from './template-database.ts';
import { countUserTables, openPublicSchema } from './template-schema.ts';

/** Fills a new template with what a file of plain SQL makes, in one transaction of the builder. */
export async function fillFromSql(build: BuildContext, path: string): Promise<Filling> {
  const { server, session, names, neutral, signal } = build;
  const sql = await readFile(path, 'utf8');
  const builder = await createTemplateDatabase(session, { names, neutral, locale: undefined, settings: [] });
  await withConnection(asPlatform(server, names.template, signal), async (platform) => {
    await openPublicSchema(platform, neutral);
    await runAsBuilder(build, builder, [sql]);
    if ((await countUserTables(platform)) === 0) throw errors.sourceEmpty(path);
    await runAsBuilder(build, builder, await applicationPrivilegeStatements(platform, neutral));
  });
  const sourceFingerprint = createHash('sha256').update(sql).digest('hex');
  return { builder, sourceFingerprint, notCarried: [], settings: [] };
}
