import pg from 'pg';
import { type ConnectionRequest, clientConfig } from './client-config.ts';

/**
 * Logs in to a tenant's database as one of the tenant's own roles. The caller ends the client.
 * Throws pg's own errors: what a refusal means depends on who asks (see `sqlState`).
 */
export async function openTenantConnection(request: ConnectionRequest): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(request));
  // Without a listener, an error of an idle connection ends the process; the next query reports it.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    void client.end().catch(() => undefined);
    throw error;
  }
  return client;
}
