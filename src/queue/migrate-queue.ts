import { runMigrations } from 'bullmq';
import pg from 'pg';
import { type QueueLogin, queueSchema } from './link-to-postgres.ts';

/**
 * Makes or updates the queue's tables in the registry database, for the PostgreSQL backend. Several processes
 * may call it at once: BullMQ takes a lock.
 * @param runtimeRole the role that will use the queue, when it is another than the one of the login.
 */
export async function migrateQueue(login: QueueLogin, runtimeRole?: string): Promise<void> {
  const client = new pg.Client({
    ...login,
    application_name: 'tenant-manager queue migration',
    connectionTimeoutMillis: 5_000,
  });
  // The statement under way rejects with the same error.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await runMigrations(client, queueSchema);
    if (runtimeRole !== undefined) await grantTo(client, runtimeRole);
  } finally {
    await client.end();
  }
}

/** BullMQ leaves its functions executable by everybody; the schema is what keeps others out. */
async function grantTo(client: pg.Client, role: string): Promise<void> {
  const to = client.escapeIdentifier(role);
  await client.query(`GRANT USAGE ON SCHEMA ${queueSchema} TO ${to}`);
  await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${queueSchema} TO ${to}`);
  await client.query(`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ${queueSchema} TO ${to}`);
}
