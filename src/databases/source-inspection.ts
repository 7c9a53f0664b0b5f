import { createHash } from 'node:crypto';
import type pg from 'pg';
import { errors } from '../errors/catalogue.ts';
import type { DatabaseServer } from './database-server.ts';
import type { DatabaseSetting } from './database-settings.ts';
import { type ExtensionMember, readExtensionMembers } from './extension-members.ts';
import { fingerprintRows } from './fingerprint.ts';
import { type DataTable, resolveDataTables } from './fingerprint-carried-rows.ts';
import { type PublicPrivilege, readDefaultPrivileges, readPublicPrivileges } from './privileges-public.ts';
import { type NotCarried, readLeftovers } from './source-leftovers.ts';
import { readSourceObjects, type SourceObjects } from './source-objects.ts';
import { digestTable } from './source-rows.ts';
import { readSourceSettings } from './source-settings.ts';
import { sqlState } from './sql-state.ts';
import { asPlatform, withConnection } from './template-connection.ts';
import { countUserTables } from './template-schema.ts';

/** How a database sorts and writes: what CREATE DATABASE must be told again. */
export type Locale = {
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  /** `c` libc, `i` ICU, `b` built in; null before 15, where there was only libc. */
  readonly provider: string | null;
  readonly locale: string | null;
  readonly icuRules: string | null;
};

export type Source = {
  readonly name: string;
  readonly locale: Locale;
  readonly tables: number;
  readonly dataTables: readonly DataTable[];
  /** Sequences that the data tables take their numbers from. */
  readonly dataSequences: readonly DataTable[];
  /** Tells only whether the source changed; never to be compared with a template's. */
  readonly sourceFingerprint: string;
  readonly objects: SourceObjects;
  readonly extensionMembers: readonly ExtensionMember[];
  /** Each object whose privileges were ever changed, with those of PUBLIC. */
  readonly publicPrivileges: readonly PublicPrivilege[];
  readonly defaultPrivileges: readonly string[];
  readonly settings: readonly DatabaseSetting[];
  readonly leftovers: readonly NotCarried[];
};

export type SourceOptions = { readonly dataTables: readonly string[]; readonly signal: AbortSignal };

/**
 * Reads what a template needs to know about its source. Throws `source_database_missing`,
 * `source_database_empty`, and `configuration_invalid` for a data table that it does not have.
 */
export async function inspectSource(
  server: DatabaseServer,
  name: string,
  { dataTables, signal }: SourceOptions,
): Promise<Source> {
  return inSource({ server, name, signal }, async (client) => {
    const tables = await countUserTables(client);
    if (tables === 0) throw errors.sourceEmpty(name);
    const carried = await resolveDataTables(client, dataTables);
    if (carried.missing.length > 0) {
      const missing = carried.missing.join(', ');
      throw errors.configurationInvalid(
        `SOURCE_DATA_TABLES: the database "${name}" has no table ${missing}.`,
      );
    }
    const settings = await readSourceSettings(client);
    return {
      name,
      tables,
      locale: await readLocale(client),
      dataTables: carried.tables,
      dataSequences: carried.sequences,
      sourceFingerprint: await digestSource(client, dataTables),
      objects: await readSourceObjects(client),
      extensionMembers: await readExtensionMembers(client),
      publicPrivileges: await readPublicPrivileges(client, 'changed'),
      defaultPrivileges: await readDefaultPrivileges(client),
      settings: settings.carried,
      leftovers: [...(await readLeftovers(client)), ...settings.leftOut],
    };
  });
}

/** The source's fingerprint alone: equal to an earlier one unless its schema or its carried rows changed. */
export function fingerprintSource(
  server: DatabaseServer,
  name: string,
  options: SourceOptions,
): Promise<string> {
  const { dataTables, signal } = options;
  return inSource({ server, name, signal }, (client) => digestSource(client, dataTables));
}

/** As long as pg_dump waits, and long enough for the rows of large data tables. */
const LIMITS = { lockMs: 10_000, statementMs: 300_000 };

/**
 * A view or a policy that took the place of a table's rows is refused, and does not run. Of views and foreign tables
 * only servers of August 2024 and later know that.
 */
const GUARD = `
  SET row_security = off;
  SELECT set_config(name, 'view,foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'`;

type Place = { server: DatabaseServer; name: string; signal: AbortSignal };

async function inSource<Result>(place: Place, use: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const { server, name, signal } = place;
  const login = { ...asPlatform(server, name, signal), limits: LIMITS };
  try {
    return await withConnection(login, async (client) => {
      await client.query(GUARD);
      return use(client);
    });
  } catch (error) {
    const state = sqlState(error);
    if (state === '3D000') throw errors.sourceMissing(name, `${server.host}:${server.port}`).causedBy(error);
    if (state === '55P03') {
      const why = `somebody has held a lock in the source database "${name}" for more than ${LIMITS.lockMs / 1_000} s.`;
      throw errors.serverBusy(why).causedBy(error);
    }
    // Between two looks a table went, or became something else that COPY does not read.
    if (state === '42P01' || state === '42809') throw errors.sourceChanging(name).causedBy(error);
    throw error;
  }
}

/** Its columns were renamed in 17 and added in 15 and 16, hence the way over JSON. */
async function readLocale(client: pg.Client): Promise<Locale> {
  const { rows } = await client.query<Locale>(
    `SELECT pg_encoding_to_char(d.encoding)::text AS encoding, d.datcollate::text AS collate, d.datctype::text AS ctype,
            to_jsonb(d) ->> 'datlocprovider' AS provider,
            coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale') AS locale,
            to_jsonb(d) ->> 'daticurules' AS "icuRules"
       FROM pg_database d WHERE d.datname = current_database()`,
  );
  const [locale] = rows;
  if (locale === undefined) throw new Error('The server does not list the database of its own session.');
  return locale;
}

/** No role of the platform has a part in a source. */
const NOBODY = { owner: '', application: '' };

/** Without the positions of other sequences: a source in use moves them all the time. */
async function digestSource(client: pg.Client, dataTables: readonly string[]): Promise<string> {
  const { sequences } = await resolveDataTables(client, dataTables);
  const carried = new Set(sequences.map(({ identity }) => identity));
  const rows = await fingerprintRows(client, { neutral: NOBODY, dataTables, digestTable });
  const lines = rows
    .filter((row) => row.kind !== 'sequence position' || carried.has(row.identity))
    .map((row) => JSON.stringify(row));
  const { carried: settings } = await readSourceSettings(client);
  const ofDatabase = JSON.stringify([await readLocale(client), settings]);
  return createHash('sha256')
    .update([ofDatabase, ...lines.sort()].join('\n'))
    .digest('hex');
}
