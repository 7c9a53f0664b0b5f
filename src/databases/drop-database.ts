import { errors } from '../errors/catalogue.ts';
import { forbidConnections } from './close-database.ts';
import type { TenantDatabaseNames } from './database-server.ts';
import { readDatabase } from './database-state.ts';
import { dropTenantRoles } from './drop-tenant-roles.ts';
import { quoteIdentifier } from './quote.ts';
import { readRoles } from './role-state.ts';
import type { ServerSession } from './server-session.ts';

/**
 * Removes a tenant's database and its roles, in whatever state they are, and looks whether they are gone.
 * Idempotent. The caller holds the lock named after the database on this same session: a CREATE DATABASE of a
 * worker that died may still be running, and what it makes would come after "does not exist".
 * Throws database_server_busy while prepared transactions or replication hold the database, and
 * deadline_exceeded when another backend hangs; the database is then closed, and the next call finishes.
 */
export async function dropTenantDatabase(session: ServerSession, names: TenantDatabaseNames): Promise<void> {
  await dropDatabase(session, names.database);
  await dropTenantRoles(session, names);
  await assertGone(session, names);
}

/** The first half of that, for a database that its tenant has beside the one of its name. */
export async function dropDatabase(session: ServerSession, database: string): Promise<void> {
  const found = await readDatabase(session, database);
  if (found === undefined) return;
  if (found.isTemplate || found.isOfSystem) {
    throw errors.verificationFailed(`"${database}" is no tenant's database and is not dropped`);
  }
  // An interrupted DROP left it: nobody can connect, and it can be dropped but not altered.
  if (!found.isInvalid) await forbidConnections(session, database);
  await assertNoPreparedTransactions(session, database);
  await session.run(`DROP DATABASE IF EXISTS ${quoteIdentifier(database)} WITH (FORCE)`);
}

/** They survive their sessions, and only somebody inside the database can end them. */
async function assertNoPreparedTransactions(session: ServerSession, database: string): Promise<void> {
  const prepared = await session.rows<{ gid: string }>(
    'SELECT gid FROM pg_prepared_xacts WHERE database = $1 ORDER BY 1 LIMIT 5',
    [database],
  );
  if (prepared.length === 0) return;
  const gids = prepared.map(({ gid }) => gid).join(', ');
  throw errors.serverBusy(
    `the database "${database}" has prepared transactions (${gids}). Allow connections to it, end them there with ROLLBACK PREPARED, and try again.`,
  );
}

async function assertGone(session: ServerSession, names: TenantDatabaseNames): Promise<void> {
  const left = [...(await readRoles(session, [names.migratorRole, names.applicationRole])).keys()];
  if ((await readDatabase(session, names.database)) !== undefined) left.unshift(names.database);
  if (left.length === 0) return;
  throw errors.verificationFailed(`after the DROP there is still: ${left.join(', ')}`);
}
