import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Fingerprint, NeutralRoles } from './database-server.ts';
import {
  type DataTable,
  resolveDataTables,
  rowDigestQuery,
  SEQUENCE_POSITIONS,
} from './fingerprint-carried-rows.ts';
import { catalogQueries } from './fingerprint-catalogs.ts';
import {
  type FactQuery,
  type FingerprintContext,
  readContext,
  STABLE_OUTPUT,
} from './fingerprint-context.ts';
import { privilegeQueries } from './fingerprint-privileges.ts';
import { relationQueries } from './fingerprint-relations.ts';
import { typeQueries } from './fingerprint-types.ts';

/** One fact about a database: that this object exists, and how it is defined. */
export type FingerprintRow = {
  readonly part: keyof Fingerprint;
  readonly kind: string;
  readonly identity: string;
  readonly definition: string | null;
};

export type FingerprintSubject = {
  readonly neutral: NeutralRoles;
  /** Tables whose rows tenants get, as `schema.table`. */
  readonly dataTables: readonly string[];
  /** How to read their rows where a SELECT is not safe. Called within the transaction. */
  readonly digestTable?: (client: pg.Client, table: DataTable) => Promise<string>;
};

/**
 * Takes the fingerprint of the database that the client is connected to, the same for whoever looks and in
 * whatever database of the same template. The client must not be within a transaction.
 */
export async function fingerprintDatabase(
  client: pg.Client,
  subject: FingerprintSubject,
): Promise<Fingerprint> {
  return digestRows(await fingerprintRows(client, subject));
}

/** What the fingerprint is the digest of: to say what differs (`describeFingerprintDifference`). */
export async function fingerprintRows(
  client: pg.Client,
  { neutral, dataTables, digestTable }: FingerprintSubject,
): Promise<FingerprintRow[]> {
  const context = await readContext(client, neutral);
  const { tables, missing } = await resolveDataTables(client, dataTables);
  const structure = [...relationQueries(context), ...typeQueries(context), ...catalogQueries(context)];
  const queries: [keyof Fingerprint, string][] = [
    ...needed(structure, context).map(inPart('structure')),
    ...needed(privilegeQueries(context), context).map(inPart('privileges')),
    ...[SEQUENCE_POSITIONS, ...(digestTable === undefined ? tables.map(rowDigestQuery) : [])].map(
      inPart('carriedRows'),
    ),
  ];
  const rows =
    digestTable === undefined
      ? await queryParts(client, queries)
      : await queryParts(client, queries, () => readTables(tables, (table) => digestTable(client, table)));
  const absent = missing.map((identity) => ({
    part: 'carriedRows' as const,
    kind: 'rows',
    identity,
    definition: 'no such table',
  }));
  return [...rows, ...absent];
}

function needed(queries: readonly FactQuery[], { usedCatalogs }: FingerprintContext): string[] {
  return queries
    .filter(({ catalog }) => catalog === undefined || usedCatalogs.includes(catalog))
    .map(({ sql }) => sql);
}

function inPart(part: keyof Fingerprint): (query: string) => [keyof Fingerprint, string] {
  return (query) => [part, query];
}

type PlainRow = [kind: string, identity: string, definition: string | null];

/** All queries in one round trip and on one snapshot, and what else is to be read on it. */
async function queryParts(
  client: pg.Client,
  queries: readonly (readonly [keyof Fingerprint, string])[],
  readMore?: () => Promise<FingerprintRow[]>,
): Promise<FingerprintRow[]> {
  const head = ['BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', ...STABLE_OUTPUT.split(';')];
  const end = readMore === undefined ? ['COMMIT'] : [];
  const text = [...head, ...queries.map(([, query]) => query), ...end].join(';\n');
  try {
    const results: unknown = await client.query<PlainRow>({ text, rowMode: 'array' });
    const answers = (results as pg.QueryArrayResult<PlainRow>[]).slice(
      head.length,
      head.length + queries.length,
    );
    const facts = answers.flatMap(({ rows }, index) => rows.map((row) => toFact(queries[index]?.[0], row)));
    if (readMore === undefined) return facts;
    const more = await readMore();
    await client.query('COMMIT');
    return [...facts, ...more];
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function readTables(
  tables: readonly DataTable[],
  digest: (table: DataTable) => Promise<string>,
): Promise<FingerprintRow[]> {
  const rows: FingerprintRow[] = [];
  for (const table of tables) {
    const { identity } = table;
    rows.push({ part: 'carriedRows', kind: 'rows', identity, definition: await digest(table) });
  }
  return rows;
}

function toFact(part: keyof Fingerprint | undefined, [kind, identity, definition]: PlainRow): FingerprintRow {
  if (part === undefined) throw new Error('The server gave more answers than it was asked for.');
  return { part, kind, identity, definition };
}

export function digestRows(rows: readonly FingerprintRow[]): Fingerprint {
  return {
    structure: digestPart(rows, 'structure'),
    privileges: digestPart(rows, 'privileges'),
    carriedRows: digestPart(rows, 'carriedRows'),
  };
}

/** The order of the lines is that of their bytes: the server's depends on locale and plan. */
function digestPart(rows: readonly FingerprintRow[], part: keyof Fingerprint): string {
  const lines = rows
    .filter((row) => row.part === part)
    .map((row) => JSON.stringify([row.kind, row.identity, row.definition]))
    .sort();
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}
