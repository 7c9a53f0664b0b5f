import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import type { ServerSession } from './server-session.ts';

/** A database that every login of the server may enter. */
export type OpenDatabase = {
  readonly name: string;
  readonly owner: string;
  /** What PUBLIC may do there: CONNECT, and most often TEMPORARY. */
  readonly rights: readonly string[];
  /** Whether the platform's login may change that: it is superuser, or acts as the owner. */
  readonly isOursToClose: boolean;
};

export async function readOpenDatabases(session: Pick<ServerSession, 'rows'>): Promise<OpenDatabase[]> {
  return session.rows<OpenDatabase>(
    `SELECT d.datname::text AS name, pg_get_userbyid(d.datdba)::text AS owner,
            ARRAY(SELECT a.privilege_type::text
                    FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                   WHERE a.grantee = 0 ORDER BY 1) AS rights,
            r.rolsuper OR pg_has_role(d.datdba, 'USAGE') AS "isOursToClose"
       FROM pg_database d, pg_roles r
      WHERE r.rolname = current_user AND d.datallowconn AND d.datconnlimit NOT IN (-2, 0)
        AND has_database_privilege('public', d.oid, 'CONNECT')
      ORDER BY 1`,
  );
}

/**
 * The logins that somebody else than this platform made, and that are no superusers: a platform's own (also of
 * another installation on this server) are known by its neutral role, whose name holds the same id.
 */
export async function listForeignLogins(session: Pick<ServerSession, 'rows'>): Promise<string[]> {
  const found = await session.rows<{ name: string }>(
    `SELECT r.rolname::text AS name FROM pg_roles r
      WHERE r.rolcanlogin AND NOT r.rolsuper
        AND NOT EXISTS (
          SELECT FROM pg_roles n, substring(n.rolname::text FROM '^tm_([0-9a-z]+)_owner$') id
           WHERE NOT n.rolcanlogin AND id IS NOT NULL
             AND (starts_with(r.rolname::text, 'm_' || id || '_')
               OR starts_with(r.rolname::text, 'a_' || id || '_')
               OR starts_with(r.rolname::text, 'tm_' || id || '_')))
      ORDER BY 1`,
  );
  return found.map(({ name }) => name);
}

/**
 * Shuts PUBLIC out of a database, and gives what it had to the logins by name, in one transaction: whoever could
 * enter until now still can, and who is made from now on cannot.
 */
export async function closeToPublic(
  session: Pick<ServerSession, 'run'>,
  { name, rights }: Pick<OpenDatabase, 'name' | 'rights'>,
  logins: readonly string[],
): Promise<void> {
  const database = quoteIdentifier(name);
  const grantees = logins.map(quoteIdentifier).join(', ');
  const grant =
    logins.length === 0 ? '' : `GRANT ${rights.join(', ')} ON DATABASE ${database} TO ${grantees};`;
  await retryConcurrentUpdate(() => session.run(`${grant} REVOKE ALL ON DATABASE ${database} FROM PUBLIC`));
}
