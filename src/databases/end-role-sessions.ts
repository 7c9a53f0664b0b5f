import type { ServerSession } from './server-session.ts';

/** Backends end within milliseconds unless they hang in the kernel. */
const END_TIMEOUT_MS = 1_000;

/** Ends the sessions of these roles, wherever they are, and waits for their end. @returns how many there were. */
export async function endRoleSessions(session: ServerSession, roles: readonly string[]): Promise<number> {
  const ended = await session.rows(
    `SELECT pg_terminate_backend(pid, ${END_TIMEOUT_MS}) FROM pg_stat_activity
      WHERE usename = ANY($1::text[]) AND pid <> pg_backend_pid()`,
    [[...roles]],
  );
  return ended.length;
}
