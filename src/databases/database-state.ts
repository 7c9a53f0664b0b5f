import type { ServerSession } from './server-session.ts';

/** A database as the server's catalog shows it; nothing is asked inside of it. */
export type DatabaseState = {
  readonly name: string;
  readonly oid: number;
  readonly owner: string;
  readonly allowsConnections: boolean;
  readonly isTemplate: boolean;
  /** Left by an interrupted DROP: it can be dropped again, and nothing else. */
  readonly isInvalid: boolean;
  /** PUBLIC holds any right on it. True for every database that was never sealed. */
  readonly isOpenToPublic: boolean;
  /** Made by initdb: `postgres` and the templates. */
  readonly isOfSystem: boolean;
};

/** The columns of it, of pg_database `d`. 16384 is FirstNormalObjectId: everything below was made by initdb. A NULL datacl means the default rights. */
export const DATABASE_STATE = `
         d.datname::text AS name, d.oid::int8::float8 AS oid, pg_get_userbyid(d.datdba)::text AS owner,
         d.datallowconn AS "allowsConnections", d.datistemplate AS "isTemplate",
         d.datconnlimit = -2 AS "isInvalid", d.oid < 16384 AS "isOfSystem",
         d.datacl IS NULL OR EXISTS (SELECT FROM aclexplode(d.datacl) a WHERE a.grantee = 0) AS "isOpenToPublic"`;

const DATABASES = `SELECT ${DATABASE_STATE} FROM pg_database d`;

export async function readDatabase(
  session: Pick<ServerSession, 'rows'>,
  database: string,
): Promise<DatabaseState | undefined> {
  const [found] = await session.rows<DatabaseState>(`${DATABASES} WHERE d.datname = $1`, [database]);
  return found;
}

/** The databases of these names that exist. */
export async function readDatabases(
  session: Pick<ServerSession, 'rows'>,
  databases: readonly string[],
): Promise<Map<string, DatabaseState>> {
  const found = await session.rows<DatabaseState>(`${DATABASES} WHERE d.datname = ANY($1::text[])`, [
    [...databases],
  ]);
  return new Map(found.map((database) => [database.name, database]));
}

/**
 * The databases that any login of the server may enter. A tenant's direct login is issued only where there
 * are none.
 */
export async function listOpenDatabases(session: Pick<ServerSession, 'rows'>): Promise<string[]> {
  const found = await session.rows<{ name: string }>(
    `SELECT datname::text AS name FROM pg_database
      WHERE datallowconn AND datconnlimit NOT IN (-2, 0) AND has_database_privilege('public', oid, 'CONNECT')
      ORDER BY 1`,
  );
  return found.map(({ name }) => name);
}
