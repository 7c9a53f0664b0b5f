import type { ServerSession } from './server-session.ts';

export type CollationMismatch = {
  readonly database: string;
  /** What the operating system, or ICU, had when the database was made; and what it has now. */
  readonly recorded: string;
  readonly actual: string;
};

const firstMajorThatRecords = 15;

/**
 * The databases whose text was sorted by another version of the collation than the server has now: their indexes
 * may miss rows, and they cannot be cloned. Undefined where the server does not record it.
 */
export async function listCollationMismatches(
  session: Pick<ServerSession, 'rows' | 'features'>,
): Promise<CollationMismatch[] | undefined> {
  if (session.features.major < firstMajorThatRecords) return undefined;
  return session.rows<CollationMismatch>(
    `SELECT name AS database, recorded, actual
       FROM (SELECT datname::text AS name, datcollversion AS recorded,
                    pg_database_collation_actual_version(oid) AS actual
               FROM pg_database WHERE datconnlimit <> -2) versions
      WHERE recorded <> actual
      ORDER BY 1`,
  );
}
