import type pg from 'pg';

/** DISCARD ALL without DISCARD PLANS, in parts: sent as one text, they cost one round trip. */
const resetStatements = [
  'CLOSE ALL',
  'SET SESSION AUTHORIZATION DEFAULT',
  'RESET ALL',
  'UNLISTEN *',
  'SELECT pg_advisory_unlock_all()',
  'DEALLOCATE ALL',
  'DISCARD TEMP',
  'DISCARD SEQUENCES',
].join(';');

/**
 * Brings a session to the state of a new one, and ends a transaction that was left open. Waits for a statement
 * that still runs. @returns whether it can be used again.
 */
export async function resetSession(client: pg.Client): Promise<boolean> {
  const isOutside = client.getTransactionStatus() === 'I';
  try {
    await client.query(isOutside ? resetStatements : `ROLLBACK;${resetStatements}`);
  } catch {
    // Whatever it was: the connection is thrown away, and a broken server shows itself at the next one.
    return false;
  }
  forgetFormerUse(client);
  return client.getTransactionStatus() === 'I';
}

/** What the client remembers of its user: named statements, which pg would go on using, and listeners. */
function forgetFormerUse(client: pg.Client): void {
  if ('connection' in client) Object.assign(client.connection as pg.Connection, { parsedStatements: {} });
  client.removeAllListeners('notification').removeAllListeners('notice');
}

/** Waits until everything sent on this connection has been answered, well or badly. */
export async function settleSession(client: pg.Client): Promise<void> {
  await client.query(';').catch(() => undefined);
}
