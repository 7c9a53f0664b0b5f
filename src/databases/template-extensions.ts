import type pg from 'pg';
import { errors } from '../errors/catalogue.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';
import type { NotCarried } from './source-leftovers.ts';
import type { SourceExtension } from './source-objects.ts';
import { serverFailure } from './sql-state.ts';

/**
 * Makes the source's extensions, in the source's versions, which no dump carries. While the database holds
 * nothing but empty schemas: their scripts run as superuser and must meet no function of the source.
 */
export async function createExtensions(
  platform: pg.Client,
  extensions: readonly SourceExtension[],
): Promise<NotCarried[]> {
  const existing = await existingExtensions(platform);
  const notCarried: NotCarried[] = [];
  for (const extension of extensions) {
    const found = existing.get(extension.name);
    if (found === undefined) notCarried.push(...(await createExtension(platform, extension)));
    else if (found !== extension.version) notCarried.push(versionDiffers(extension, found));
  }
  return notCarried;
}

async function existingExtensions(platform: pg.Client): Promise<Map<string, string>> {
  const { rows } = await platform.query<{ name: string; version: string }>(
    'SELECT extname::text AS name, extversion AS version FROM pg_extension',
  );
  return new Map(rows.map(({ name, version }) => [name, version]));
}

async function createExtension(platform: pg.Client, extension: SourceExtension): Promise<NotCarried[]> {
  const { name, schema, version, comment } = extension;
  const statement = `CREATE EXTENSION ${quoteIdentifier(name)} WITH SCHEMA ${quoteIdentifier(schema)}`;
  try {
    const isExact = await tryVersion(platform, statement, version);
    if (!isExact) await platform.query(statement);
    if (comment !== null) {
      await platform.query(`COMMENT ON EXTENSION ${quoteIdentifier(name)} IS ${quoteLiteral(comment)}`);
    }
    return isExact ? [] : [versionDiffers(extension, 'the newest one')];
  } catch (error) {
    const failure = serverFailure(error);
    if (failure === undefined) throw error;
    if (failure.code === '42501') return [{ kind: 'extension', name, why: failure.message }];
    throw errors
      .restoreFailed(`the extension "${name}" could not be made: ${failure.message}`)
      .causedBy(error);
  }
}

/** False where the server's installation scripts no longer reach that version. */
async function tryVersion(platform: pg.Client, statement: string, version: string): Promise<boolean> {
  try {
    await platform.query(`${statement} VERSION ${quoteLiteral(version)}`);
    return true;
  } catch (error) {
    if (serverFailure(error)?.code !== '22023') throw error;
    return false;
  }
}

function versionDiffers({ name, version }: SourceExtension, found: string): NotCarried {
  return { kind: 'extension version', name: `${name} ${version}`, why: `the server offers ${found} instead` };
}
