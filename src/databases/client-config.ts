import type pg from 'pg';
import type { ServerAddress, ServerTls } from './database-server.ts';

/** One login to one database of one server. */
export type ConnectionRequest = {
  readonly address: ServerAddress;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** Everyone on the server can read it: no customer's words. */
  readonly applicationName: string;
  readonly statementTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** Replaces the role's search path from the first statement on. */
  readonly searchPath?: string;
};

const DEFAULT_CONNECT_TIMEOUT_MS = 5_000;
/** A peer that vanished without a word is noticed in minutes instead of two hours. */
const KEEP_ALIVE_DELAY_MS = 10_000;

/** The configuration of a pg.Client or pg.Pool. The only place that knows how TLS is asked for. */
export function clientConfig(request: ConnectionRequest): pg.ClientConfig {
  const { address, password } = request;
  return {
    host: address.host,
    port: address.port,
    database: request.database,
    user: request.user,
    // A function: pg would replace an empty string with PGPASSWORD, and a logged object shows no password.
    password: () => password,
    // Never undefined: pg would ask PGSSLMODE.
    ssl: tlsOptions(address.tls),
    application_name: request.applicationName,
    connectionTimeoutMillis: request.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    ...(request.statementTimeoutMs === undefined ? {} : { statement_timeout: request.statementTimeoutMs }),
    ...(request.lockTimeoutMs === undefined ? {} : { lock_timeout: request.lockTimeoutMs }),
    ...(request.searchPath === undefined ? {} : { options: `-c search_path=${request.searchPath}` }),
  };
}

function tlsOptions(tls: ServerTls): NonNullable<pg.ClientConfig['ssl']> {
  switch (tls.mode) {
    case 'disable':
      return false;
    case 'require':
      return { rejectUnauthorized: false };
    case 'verify-full':
      return { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) };
  }
}
