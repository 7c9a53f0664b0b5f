import { advisoryKey, type ServerSession } from './server-session.ts';

/**
 * Ends every other session that holds the platform's lock named `key`. For the one who has become the owner
 * of the locked thing in the registry, when the former owner hangs and would hold the lock for ever.
 * @param backend end this one only, if it is the one that holds the lock
 * @returns how many were ended.
 */
export async function endLockHolders(
  session: ServerSession,
  key: string,
  backend: number | null = null,
): Promise<number> {
  const ended = await session.rows(
    `SELECT pg_terminate_backend(pid) FROM ${OTHER_HOLDERS} WHERE pid = coalesce($2::int, pid)`,
    [advisoryKey(key), backend],
  );
  return ended.length;
}

export type Quiet = {
  quietMs: number;
  /** The session that is known to be alive, however quiet. */
  sparing: number | null;
};

/**
 * Ends every other session that holds the lock and has asked nothing of the server for so long.
 * @returns how many were ended.
 */
export async function endQuietHolders(
  session: ServerSession,
  key: string,
  { quietMs, sparing }: Quiet,
): Promise<number> {
  const ended = await session.rows(
    `SELECT pg_terminate_backend(pid) FROM ${OTHER_HOLDERS} JOIN pg_stat_activity a USING (pid)
      WHERE a.state = 'idle' AND a.state_change < now() - $2::int * interval '1 millisecond'
        AND pid IS DISTINCT FROM $3::int`,
    [advisoryKey(key), quietMs, sparing],
  );
  return ended.length;
}

/** $1 the key. */
const OTHER_HOLDERS = `(
  SELECT pid FROM pg_locks
   WHERE locktype = 'advisory' AND granted AND objsubid = 1
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND ((classid::bigint << 32) | objid::bigint) = $1::bigint
     AND pid <> pg_backend_pid()) holder`;

/** The process of the server that works for this session. */
export async function readBackend(session: ServerSession): Promise<number> {
  const [row] = await session.rows<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  if (row === undefined) throw new Error('The server gave no row for a query without FROM.');
  return row.pid;
}
