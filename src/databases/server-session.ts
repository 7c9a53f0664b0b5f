import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { clientConfig } from './client-config.ts';
import type { DatabaseServer } from './database-server.ts';
import { mapServerError, type ServerIdentity } from './map-server-error.ts';
import { detectFeatures, type ServerFeatures } from './server-features.ts';
import { serverFailure, sqlState } from './sql-state.ts';

export type SessionOptions = {
  readonly applicationName: string;
  readonly statementTimeoutMs: number;
  readonly connectTimeoutMs?: number;
  readonly database?: string;
};

/**
 * One session of the platform's login on one server. Statements go one after the other. Errors come as
 * `mapServerError` says; locks end with the session, however it ends.
 */
export type ServerSession = {
  readonly server: ServerIdentity;
  readonly features: ServerFeatures;
  /** Several statements in one text, without values, are one transaction. Gives the number of rows. */
  readonly run: (sql: string, values?: readonly unknown[]) => Promise<number>;
  readonly rows: <Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]) => Promise<Row[]>;
  /** Takes the platform's lock named `key`; false when it was not free within `waitMs`. */
  readonly lock: (key: string, waitMs: number) => Promise<boolean>;
  readonly unlock: (key: string) => Promise<void>;
  /** Ends the session; never throws. */
  readonly close: () => Promise<void>;
};

/** Advisory locks are per database, so that all of them are taken in this one. */
const LOCK_DATABASE = 'postgres';
/** A tenant's function in a writable schema must never stand in for one of PostgreSQL's. */
const SEARCH_PATH = 'pg_catalog,pg_temp';
const LOCK_TIMEOUT_MS = 10_000;
/** How long after the server's own limit the client stops waiting for a server that hangs. */
const GRACE_MS = 5_000;
const CLOSE_TIMEOUT_MS = 2_000;

/** Logs in as the platform. Connect to the server itself: locks and settings belong to one session. */
export async function openServerSession(
  server: DatabaseServer,
  options: SessionOptions,
): Promise<ServerSession> {
  const database = options.database ?? LOCK_DATABASE;
  const client = new pg.Client(
    clientConfig({
      address: server,
      ...server.admin,
      database,
      applicationName: options.applicationName,
      statementTimeoutMs: options.statementTimeoutMs,
      lockTimeoutMs: Math.min(LOCK_TIMEOUT_MS, options.statementTimeoutMs),
      searchPath: SEARCH_PATH,
      ...(options.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: options.connectTimeoutMs }),
    }),
  );
  // Without a listener, an error of an idle connection ends the process; the next statement reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const features = await detectFeatures(client);
    await watchClient(client);
    return createSession({ client, server, features, database, limitMs: options.statementTimeoutMs });
  } catch (error) {
    void endClient(client);
    throw mapServerError(error, server, {
      what: 'Connecting',
      limitMs: options.connectTimeoutMs ?? options.statementTimeoutMs,
    });
  }
}

/**
 * Makes the server notice within 200 ms that this process died, and stop what it was doing; by default it
 * finishes a CREATE DATABASE that nobody waits for. Refused before 14 and where the operating system cannot tell.
 */
export async function watchClient(client: pg.Client): Promise<void> {
  try {
    await client.query("SET client_connection_check_interval = '200ms'");
  } catch (error) {
    if (serverFailure(error) === undefined) throw error;
  }
}

type SessionParts = {
  client: pg.Client;
  server: DatabaseServer;
  features: ServerFeatures;
  database: string;
  limitMs: number;
};

function createSession({ client, server, features, database, limitMs }: SessionParts): ServerSession {
  async function query<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[], waitMs = 0) {
    const config: pg.QueryConfig & { query_timeout: number } = {
      text,
      query_timeout: limitMs + waitMs + GRACE_MS,
      ...(values === undefined ? {} : { values: [...values] }),
    };
    try {
      return await client.query<Row>(config);
    } catch (error) {
      throw mapServerError(error, server, { what: verbOf(text), limitMs: limitMs + waitMs });
    }
  }

  async function lock(key: string, waitMs: number): Promise<boolean> {
    if (database !== LOCK_DATABASE) throw new Error(`Locks are taken in ${LOCK_DATABASE} only.`);
    // 0 would mean no limit.
    const lockTimeoutMs = Math.max(1, Math.ceil(waitMs));
    try {
      // A session's lock outlives the transaction; the limits do not.
      const limits = `SET LOCAL lock_timeout = ${lockTimeoutMs}; SET LOCAL statement_timeout = 0`;
      const take = `SELECT pg_advisory_lock(${advisoryKey(key)}::bigint)`;
      await query(`BEGIN; ${limits}; ${take}; COMMIT`, undefined, lockTimeoutMs);
      return true;
    } catch (error) {
      if (sqlState(error) !== '55P03') throw error;
      await query('ROLLBACK');
      return false;
    }
  }

  return {
    server,
    features,
    run: async (sql, values) => (await query(sql, values)).rowCount ?? 0,
    rows: async <Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]) =>
      (await query<Row>(sql, values)).rows,
    lock,
    unlock: async (key) => {
      await query('SELECT pg_advisory_unlock($1::bigint)', [advisoryKey(key)]);
    },
    close: () => endClient(client),
  };
}

/** The 64-bit number that stands for a lock's name; as text, since JavaScript's numbers are too short. */
export function advisoryKey(key: string): string {
  return createHash('sha256').update(`tenant-manager:${key}`).digest().readBigInt64BE(0).toString();
}

/** `CREATE DATABASE` of a statement: its text may hold a verifier, which belongs in no error. */
function verbOf(sql: string): string {
  return sql.trim().split(/\s+/, 2).join(' ');
}

/** A server that hangs never answers the farewell, so that the wait for it is bounded. */
async function endClient(client: pg.Client): Promise<void> {
  const ended = client.end().catch(() => undefined);
  await Promise.race([ended, delay(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
}
