import { errors } from '../errors/catalogue.ts';
import { readDatabases } from './database-state.ts';
import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import type { ServerSession } from './server-session.ts';

/**
 * Gives a tenant's database another name. Idempotent: where only the new name is there, it has happened; where
 * neither is, there is nothing to rename. The caller holds the tenant's lock on this same session.
 * Throws database_server_busy while somebody is connected to it.
 */
export async function renameDatabase(
  session: ServerSession,
  { from, to }: { from: string; to: string },
): Promise<void> {
  const found = await readDatabases(session, [from, to]);
  const old = found.get(from);
  if (old === undefined) return;
  if (found.has(to)) {
    throw errors.verificationFailed(`"${from}" cannot be renamed, since there is a database "${to}" already`);
  }
  // An interrupted DROP left it: it can be dropped, and nothing else.
  const statement = old.isInvalid
    ? `DROP DATABASE ${quoteIdentifier(from)}`
    : `ALTER DATABASE ${quoteIdentifier(from)} RENAME TO ${quoteIdentifier(to)}`;
  await retryConcurrentUpdate(() => session.run(statement));
}
