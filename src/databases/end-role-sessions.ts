import type { ServerSession } from './server-session.ts';

/** Ends the sessions of these roles, wherever they are. @returns how many there were. */
export async function endRoleSessions(session: ServerSession, roles: readonly string[]): Promise<number> {
  const ended = await session.rows(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE usename = ANY($1::text[]) AND pid <> pg_backend_pid()`,
    [[...roles]],
  );
  return ended.length;
}
