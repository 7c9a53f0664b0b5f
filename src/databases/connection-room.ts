import type { ServerSession } from './server-session.ts';

export type ConnectionRoom = {
  readonly maxConnections: number;
  /** Kept for superusers, and since 16 for roles with that privilege. */
  readonly reserved: number;
  /** When this server was started, to the microsecond: tells it from every other one. */
  readonly startedAt: string;
};

/** How many connections the server has for everybody. */
export async function readConnectionRoom(session: Pick<ServerSession, 'rows'>): Promise<ConnectionRoom> {
  const [row] = await session.rows<ConnectionRoom>(
    `SELECT current_setting('max_connections')::int AS "maxConnections",
            current_setting('superuser_reserved_connections')::int
              + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
            extract(epoch FROM pg_postmaster_start_time())::text AS "startedAt"`,
  );
  if (row === undefined) throw new Error('The server gave no row for a query without FROM.');
  return row;
}

/** The connections that any role has open under this application name. */
export async function countBackends(
  session: Pick<ServerSession, 'rows'>,
  applicationName: string,
): Promise<number> {
  const [row] = await session.rows<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND application_name = $1`,
    [applicationName],
  );
  return row?.count ?? 0;
}
