import type pg from 'pg';
import type { NeutralRoles } from './database-server.ts';
import { ofUsers } from './fingerprint-context.ts';
import { quoteIdentifier } from './quote.ts';

/** Lets the neutral owner make things in the schema that every database begins with, and nobody else. */
export async function openPublicSchema(
  platform: pg.Client,
  { owner, application }: NeutralRoles,
): Promise<void> {
  // Before 15 everybody may create in it.
  await platform.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  await platform.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${quoteIdentifier(owner)}`);
  await platform.query(`GRANT USAGE ON SCHEMA public TO ${quoteIdentifier(application)}`);
}

/** Tables that users made, of every kind that has rows of its own or in partitions. */
export async function countUserTables(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ tables: number }>(`
    SELECT count(*)::int AS tables FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p') AND ${ofUsers('pg_class', 'c')}`);
  return rows[0]?.tables ?? 0;
}
