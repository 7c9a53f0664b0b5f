import type pg from 'pg';

/**
 * DISCARD ALL without DISCARD PLANS and DEALLOCATE: pg remembers which named statements a connection has, and
 * would go on naming those that are gone. Sent as one text, so that it costs one round trip.
 */
const resetStatements = [
  'CLOSE ALL',
  'SET SESSION AUTHORIZATION DEFAULT',
  'RESET ALL',
  'UNLISTEN *',
  'SELECT pg_advisory_unlock_all()',
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
  return client.getTransactionStatus() === 'I';
}

/** Waits until everything sent on this connection has been answered, well or badly. */
export async function settleSession(client: pg.Client): Promise<void> {
  await client.query(';').catch(() => undefined);
}
