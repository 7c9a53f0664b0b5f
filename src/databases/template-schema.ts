import type pg from 'pg';
import { errors } from '../errors/catalogue.ts';
import type { NeutralRoles } from './database-server.ts';
import { ofUsers } from './fingerprint-context.ts';
import { quoteIdentifier } from './quote.ts';

/**
 * Lets the neutral owner make things in the schema that every database begins with, and nobody else.
 * Throws `admin_lacks_rights` where the platform's login may not close it to the others.
 */
export async function openPublicSchema(
  platform: pg.Client,
  { owner, application }: NeutralRoles,
): Promise<void> {
  // Before 15 everybody may create in it.
  await platform.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  await platform.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${quoteIdentifier(owner)}`);
  await platform.query(`GRANT USAGE ON SCHEMA public TO ${quoteIdentifier(application)}`);
  await assertClosed(platform);
}

/** Before 15 the schema belongs to the server's first superuser; REVOKE by others warns, succeeds and does nothing. */
async function assertClosed(platform: pg.Client): Promise<void> {
  const { rows } = await platform.query<{ user: string; isOpen: boolean }>(
    `SELECT current_user::text AS user, has_schema_privilege('public', 'public', 'CREATE') AS "isOpen"`,
  );
  const [found] = rows;
  if (found === undefined) throw new Error('The server gave no row for a query without FROM.');
  if (!found.isOpen) return;
  const mend = `ALTER ROLE ${quoteIdentifier(found.user)} SUPERUSER; or use a server of PostgreSQL 15 or newer, where it may.`;
  throw errors.adminLacksRights(found.user, 'close the schema public of a new database', mend);
}

/** Tables that users made, of every kind that has rows of its own or in partitions. */
export async function countUserTables(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ tables: number }>(`
    SELECT count(*)::int AS tables FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND ${ofUsers('pg_class', 'c')}`);
  return rows[0]?.tables ?? 0;
}
