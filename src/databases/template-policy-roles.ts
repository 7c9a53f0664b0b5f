import { quoteIdentifier } from './quote.ts';
import type { ServerSession } from './server-session.ts';
import { isAlreadyDone } from './sql-state.ts';

/** A policy cannot be restored without the roles that it names. Without members and logins they can do nothing. */
export async function ensurePolicyRoles(session: ServerSession, roles: readonly string[]): Promise<void> {
  const missing = await session.rows<{ name: string }>(
    `SELECT name FROM unnest($1::text[]) name
      WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = name)`,
    [[...roles]],
  );
  for (const { name } of missing) {
    await session.run(`CREATE ROLE ${quoteIdentifier(name)} NOLOGIN`).catch((error: unknown) => {
      if (!isAlreadyDone(error)) throw error;
    });
  }
}
