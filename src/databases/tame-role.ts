import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import type { ServerSession } from './server-session.ts';

/**
 * Takes from a role every right on the whole server, superuser included. Only for a role that the registry names
 * as a tenant's: the platform made it, and somebody else has raised it.
 */
export async function tameRole(session: ServerSession, role: string): Promise<void> {
  const statement = `ALTER ROLE ${quoteIdentifier(role)} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS`;
  await retryConcurrentUpdate(() => session.run(statement));
}
