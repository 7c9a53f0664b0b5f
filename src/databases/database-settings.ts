import { quoteIdentifier, quoteLiteral } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import type { ServerSession } from './server-session.ts';

/** What `ALTER DATABASE … SET` said, for every role, as the server keeps it. */
export type DatabaseSetting = { readonly name: string; readonly value: string };

/** The settings of one database, in a query that is told which by `condition` on pg_database `d`. */
export function settingsQuery(condition: string): string {
  return `
  SELECT split_part(c.setting, '=', 1) AS name, substr(c.setting, strpos(c.setting, '=') + 1) AS value
    FROM pg_db_role_setting r JOIN pg_database d ON d.oid = r.setdatabase, unnest(r.setconfig) c(setting)
   WHERE r.setrole = 0 AND ${condition}`;
}

/**
 * Tells a database its settings, from a session elsewhere: CREATE DATABASE copies none. They hold for every
 * session that begins afterwards, so that this comes before the database is opened. Idempotent.
 */
export async function applySettings(
  session: ServerSession,
  database: string,
  settings: readonly DatabaseSetting[],
): Promise<void> {
  if (settings.length === 0) return;
  const statements = settings.map((setting) => `ALTER DATABASE ${quoteIdentifier(database)} ${set(setting)}`);
  await retryConcurrentUpdate(() => session.run(statements.join(';\n')));
}

function set({ name, value }: DatabaseSetting): string {
  // A setting's name has parts, each of which fits an identifier; all of them together may not.
  const parts = name.split('.').map(quoteIdentifier);
  return `SET ${parts.join('.')} = ${valueItems({ name, value }).map(quoteLiteral).join(', ')}`;
}

/** As one literal a search path would be the name of one schema. All other lists are one text to the server. */
function valueItems({ name, value }: DatabaseSetting): string[] {
  if (name.toLowerCase() !== 'search_path') return [value];
  const items = [...value.matchAll(/"((?:[^"]|"")*)"|[^\s,"][^,"]*/g)];
  if (items.length === 0) return [''];
  return items.map(([whole, quoted]) => quoted?.replaceAll('""', '"') ?? whole.trim().toLowerCase());
}

/** What a database lacks of the settings that it must have; those that it has besides are its own. */
export async function settingFaults(
  session: Pick<ServerSession, 'rows'>,
  database: string,
  expected: readonly DatabaseSetting[],
): Promise<string[]> {
  if (expected.length === 0) return [];
  const found = await session.rows<DatabaseSetting>(settingsQuery('d.datname = $1'), [database]);
  const values = new Map(found.map((setting) => [setting.name.toLowerCase(), comparable(setting)]));
  return expected.flatMap((setting) => {
    const value = values.get(setting.name.toLowerCase());
    if (value === undefined) return [`its setting "${setting.name}" is missing`];
    return value === comparable(setting) ? [] : [`its setting "${setting.name}" differs from the template's`];
  });
}

function comparable(setting: DatabaseSetting): string {
  return JSON.stringify(valueItems(setting));
}
