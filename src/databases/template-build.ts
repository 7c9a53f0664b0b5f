import type { Fingerprint } from './database-server.ts';
import { fingerprintDatabase } from './fingerprint.ts';
import type { PgTools } from './pg-tools-contract.ts';
import type { ServerSession } from './server-session.ts';
import { withConnection } from './template-connection.ts';
import type { BuildContext, BuiltTemplate } from './template-contract.ts';
import { type Builder, discardTemplate, sealTemplate } from './template-database.ts';
import { fillFromDatabase } from './template-from-database.ts';
import { fillFromSql } from './template-from-sql.ts';
import { countUserTables } from './template-schema.ts';

export type TemplateSource =
  | { readonly kind: 'database'; readonly name: string; readonly tools: PgTools }
  /** A file of plain SQL, run in one transaction: how the sample gets in without pg_dump. */
  | { readonly kind: 'sql'; readonly path: string };

export type TemplateBuild = BuildContext & { readonly source: TemplateSource };

/**
 * Makes a sealed template of the source: everything in it belongs to the neutral owner and may be used by the
 * application role. What an earlier attempt left under these names is removed first, and what a failing one
 * leaves at its end. Throws the errors of the source, of pg_dump and of the restore, and the signal's reason.
 */
export async function buildTemplate(build: TemplateBuild): Promise<BuiltTemplate> {
  const { session, names, log } = build;
  const startedAt = performance.now();
  await discardTemplate(session, names);
  try {
    const built = await fillAndSeal(build);
    const seconds = Number(((performance.now() - startedAt) / 1000).toFixed(2));
    log.info({ template: names.template, seconds, tables: built.tables }, 'template built');
    return built;
  } catch (error) {
    await discardTemplate(session, names).catch((err: unknown) =>
      log.warn({ template: names.template, err }, 'an unfinished template stays until the next attempt'),
    );
    throw error;
  }
}

async function fillAndSeal(build: TemplateBuild): Promise<BuiltTemplate> {
  const { session, names, neutral, source, around } = build;
  const filling =
    source.kind === 'sql' ? await fillFromSql(build, source.path) : await fillFromDatabase(build, source);
  const { fingerprint, tables } = await inspectTemplate(build, filling.builder);
  await around('build-template: seal', () => sealTemplate(session, names, neutral));
  const { sourceFingerprint, notCarried, settings } = filling;
  return {
    fingerprint,
    sourceFingerprint,
    notCarried,
    settings,
    sizeBytes: await readSize(session, names.template),
    tables,
  };
}

type Inspection = { fingerprint: Fingerprint; tables: number };

function inspectTemplate(build: TemplateBuild, builder: Builder): Promise<Inspection> {
  const { server, names, neutral, dataTables, signal } = build;
  const login = { server, ...builder, database: names.template, signal, searchPath: 'pg_catalog,pg_temp' };
  return withConnection(login, async (client) => ({
    fingerprint: await fingerprintDatabase(client, { neutral, dataTables }),
    tables: await countUserTables(client),
  }));
}

async function readSize(session: ServerSession, template: string): Promise<number> {
  const [row] = await session.rows<{ bytes: string }>('SELECT pg_database_size($1::name)::text AS bytes', [
    template,
  ]);
  return Number(row?.bytes ?? 0);
}
