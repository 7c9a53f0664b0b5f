import type pg from 'pg';
import type { DatabaseServer } from './database-server.ts';
import { mapServerError } from './map-server-error.ts';
import { watchClient } from './server-session.ts';
import { openTenantConnection } from './tenant-connection.ts';

export type TemplateLogin = {
  readonly server: DatabaseServer;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly signal: AbortSignal;
  /** Left out for code that others wrote: it was written for the usual search path. */
  readonly searchPath?: string;
  /** Where others work: how long a statement may take, and how long of that wait for their locks. */
  readonly limits?: { readonly statementMs: number; readonly lockMs: number };
};

/** For the platform's own queries: nothing that somebody put into a schema stands in for PostgreSQL's. */
const PLATFORM_SEARCH_PATH = 'pg_catalog,pg_temp';

/** The platform's login in a database where nobody but the platform has been yet, or in the source. */
export function asPlatform(server: DatabaseServer, database: string, signal: AbortSignal): TemplateLogin {
  return { server, ...server.admin, database, signal, searchPath: PLATFORM_SEARCH_PATH };
}

/** What is looked up in one database by a name from another is written the same in both, whatever their settings. */
async function prepare(client: pg.Client, { searchPath }: TemplateLogin): Promise<void> {
  await watchClient(client);
  if (searchPath !== undefined) await client.query('SET quote_all_identifiers = off');
}

/** Runs `use` on a connection that ends with it, or when the signal aborts. */
export async function withConnection<Result>(
  login: TemplateLogin,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const { server, signal, limits } = login;
  signal.throwIfAborted();
  try {
    const client = await openTenantConnection({
      address: server,
      database: login.database,
      user: login.user,
      password: login.password,
      applicationName: 'tenant-manager templates',
      ...(login.searchPath === undefined ? {} : { searchPath: login.searchPath }),
      ...(limits === undefined
        ? {}
        : { statementTimeoutMs: limits.statementMs, lockTimeoutMs: limits.lockMs }),
    });
    const stop = () => void client.end().catch(() => undefined);
    signal.addEventListener('abort', stop, { once: true });
    return await prepare(client, login)
      .then(() => use(client))
      .finally(() => {
        signal.removeEventListener('abort', stop);
        return client.end();
      });
  } catch (error) {
    signal.throwIfAborted();
    throw mapServerError(error, server, {
      what: `A query in "${login.database}"`,
      limitMs: limits?.statementMs ?? 0,
    });
  }
}
