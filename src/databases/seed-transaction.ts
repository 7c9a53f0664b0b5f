import type pg from 'pg';
import type { ServerSession } from './server-session.ts';
import { sqlState } from './sql-state.ts';

/**
 * A transaction, named so that it can be asked for later whether it was committed: also by whoever finds that
 * the server was restored or failed over meanwhile, after which its number may be another's.
 */
const placeIn = (database: string) => `
  SELECT concat_ws('/',
    (SELECT system_identifier FROM pg_catalog.pg_control_system()),
    pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8),
    (SELECT oid FROM pg_catalog.pg_database WHERE datname = ${database})) AS place`;

export type TransactionOutcome = 'committed' | 'aborted' | 'in progress' | 'unknown';

/** Begins the transaction. @returns its name, to be kept before it is committed. */
export async function beginNamedTransaction(client: pg.Client): Promise<string> {
  // Literals are written, and the file was read, as it is with this on.
  await client.query('BEGIN; SET LOCAL standard_conforming_strings = on');
  const place = await readPlace(client);
  const { rows } = await client.query<{ xid: string }>('SELECT pg_catalog.pg_current_xact_id()::text AS xid');
  return `${place}/${rows[0]?.xid}`;
}

/** Whether the session is still in that very transaction. */
export async function isStillIn(client: pg.Client, transaction: string): Promise<boolean> {
  const { rows } = await client.query<{ xid: string | null }>(
    'SELECT pg_catalog.pg_current_xact_id_if_assigned()::text AS xid',
  );
  return rows[0]?.xid === numberOf(transaction);
}

/** What became of it; `unknown` when the server has forgotten it, or is not the one that it ran on. */
export async function readOutcome(client: pg.Client, transaction: string): Promise<TransactionOutcome> {
  if ((await readPlace(client)) !== placeOf(transaction)) return 'unknown';
  try {
    const { rows } = await client.query<{ status: TransactionOutcome | null }>(
      'SELECT pg_catalog.pg_xact_status($1::pg_catalog.xid8) AS status',
      [numberOf(transaction)],
    );
    return rows[0]?.status ?? 'unknown';
  } catch (error) {
    // "is in the future": the server lost it.
    if (sqlState(error) === '22023') return 'unknown';
    throw error;
  }
}

/** Whether it ran in the database that has that name now; told by the server without entering it. */
export async function ranIn(session: ServerSession, database: string, transaction: string): Promise<boolean> {
  const [found] = await session.rows<{ place: string }>(placeIn('$1'), [database]);
  return found?.place === placeOf(transaction);
}

async function readPlace(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ place: string }>(placeIn('pg_catalog.current_database()'));
  return rows[0]?.place ?? '';
}

const placeOf = (transaction: string): string => transaction.slice(0, transaction.lastIndexOf('/'));
const numberOf = (transaction: string): string => transaction.slice(transaction.lastIndexOf('/') + 1);
