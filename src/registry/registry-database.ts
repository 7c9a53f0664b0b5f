import { CamelCasePlugin, Kysely, type LogEvent, PostgresDialect, type Transaction } from 'kysely';
import pg from 'pg';
import { guardPool } from './guarded-pool.ts';
import type { DB } from './tables.generated.ts';

/** How to reach the registry. Direct, never through a pooler: LISTEN and session locks are used. */
export type RegistryLogin = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly ssl: false | { rejectUnauthorized: boolean };
};

export type RegistryOptions = {
  login: RegistryLogin;
  applicationName: string;
  poolMax: number;
  /** How long a caller waits for a connection before an error. */
  poolTimeoutMs: number;
  /**
   * The longest statement, and the longest silence within a transaction: 15 s unless told otherwise. Migrations
   * take longer.
   */
  statementTimeoutMs?: number;
  /** Called when an idle connection breaks; the pool replaces it. */
  onConnectionError: (error: Error) => void;
  observer?: RegistryObserver | undefined;
};

/** Who measures what the registry is used for. */
export type RegistryObserver = {
  queried: (seconds: number) => void;
  /** Given once: how many connections there are. */
  opened: (connections: () => { leased: number; idle: number }) => void;
};

export type RegistryDatabase = Kysely<DB>;
export type RegistryTransaction = Transaction<DB>;
/** A repository works the same on the pool and within a transaction. */
export type RegistryExecutor = RegistryDatabase | RegistryTransaction;

const int8 = 20;
const usualStatementTimeoutMs = 15_000;
// The server ends a statement first, which leaves its connection in use; this is for one that has vanished.
const silenceAfterTimeoutMs = 1_000;
const keepAliveAfterMs = 10_000;
const keptOpen = 2;

/** Opens the one registry pool of a process. Close it with `destroy()`. */
export function openRegistry({
  login,
  applicationName,
  poolMax,
  poolTimeoutMs,
  statementTimeoutMs = usualStatementTimeoutMs,
  onConnectionError,
  observer,
}: RegistryOptions): RegistryDatabase {
  const pool = new pg.Pool({
    ...login,
    max: poolMax,
    // Whoever comes after a quiet hour must not wait for a login first.
    min: Math.min(keptOpen, poolMax),
    connectionTimeoutMillis: poolTimeoutMs,
    application_name: applicationName,
    statement_timeout: statementTimeoutMs,
    // A process that hangs in a transaction would keep its rows from whoever takes its work over.
    idle_in_transaction_session_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + silenceAfterTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
    types: { getTypeParser: parserWithNumbers },
  });
  pool.on('error', onConnectionError);
  observer?.opened(() => ({ leased: pool.totalCount - pool.idleCount, idle: pool.idleCount }));
  return new Kysely<DB>({
    dialect: new PostgresDialect({ pool: guardPool(pool) }),
    plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
    ...(observer && {
      log: ({ queryDurationMillis }: LogEvent) => observer.queried(queryDurationMillis / 1_000),
    }),
  });
}

/** bigint as number: ids and byte counts stay far below 2^53. */
const parserWithNumbers: typeof pg.types.getTypeParser = (oid: number, format?: unknown) =>
  oid === int8 ? Number : pg.types.getTypeParser(oid, format as 'text');
