import { join } from 'node:path';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { DatabaseServer } from './database-server.ts';
import type { DataTable } from './fingerprint-carried-rows.ts';
import type { PgTools, ToolLogin } from './pg-tools-contract.ts';
import { quoteIdentifier } from './quote.ts';
import { fingerprintSource, inspectSource, type Source } from './source-inspection.ts';

export type SourceDump = {
  readonly source: Source;
  readonly schemaArchive: string;
  /** The rows of the data tables; undefined where there are none. */
  readonly dataArchive: string | undefined;
};

export type SourceDumpRequest = {
  readonly server: DatabaseServer;
  readonly name: string;
  readonly dataTables: readonly string[];
  readonly tools: PgTools;
  /** Where the archives go; the caller removes it. */
  readonly folder: string;
  readonly signal: AbortSignal;
};

const ATTEMPTS = 3;

/**
 * Dumps the source; the dump counts only if the source was the same before and after it, since pg_dump reads
 * part of the catalog as it is now and not as it was when it began. Throws `source_database_changing`.
 */
export async function dumpSource(request: SourceDumpRequest): Promise<SourceDump> {
  const { server, name, dataTables, signal } = request;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const source = await inspectSource(server, name, { dataTables, signal });
    const outcome = await tryDump(request, source, attempt);
    const after = await fingerprintSource(server, name, { dataTables, signal });
    if (after !== source.sourceFingerprint) continue;
    if (outcome instanceof AppError) throw outcome;
    return outcome;
  }
  throw errors.sourceChanging(name);
}

/** A failure is judged later: objects that vanish under its hands are a usual cause. */
async function tryDump(
  { server, name, tools, folder, signal }: SourceDumpRequest,
  source: Source,
  attempt: number,
): Promise<SourceDump | AppError> {
  const login: ToolLogin = { address: server, ...server.admin, database: name };
  const schemaArchive = join(folder, `schema-${attempt}`);
  const rowsArchive = join(folder, `rows-${attempt}`);
  const hasRows = source.dataTables.length > 0;
  try {
    await tools.dump({ login, options: SCHEMA_OPTIONS, file: schemaArchive, signal });
    if (hasRows) await tools.dump({ login, options: rowOptions(source), file: rowsArchive, signal });
    return { source, schemaArchive, dataArchive: hasRows ? rowsArchive : undefined };
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

const COMMON_OPTIONS = [
  '--format=custom',
  '--no-subscriptions',
  '--no-tablespaces',
  '--no-security-labels',
  // Fails clearly instead of waiting behind a long ALTER, and holding up everybody who comes after.
  '--lock-wait-timeout=10s',
];
const SCHEMA_OPTIONS = [...COMMON_OPTIONS, '--schema-only'];

function rowOptions({ dataTables, dataSequences }: Source): string[] {
  const tables = [...dataTables, ...dataSequences].map((table) => `--table=${exactPattern(table)}`);
  return [...COMMON_OPTIONS, '--data-only', ...tables];
}

/** In quotes nothing is a wildcard. */
function exactPattern({ schema, table }: DataTable): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}
