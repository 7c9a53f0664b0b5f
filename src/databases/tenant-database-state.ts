import type { TenantDatabaseNames } from './database-server.ts';
import { readDatabases } from './database-state.ts';
import { readRoles } from './role-state.ts';
import type { ServerSession } from './server-session.ts';

/**
 * Looks from outside whether tenants' databases are on the server as they were sealed, with both of their roles.
 * @returns what is wrong, by the name of the database; those that are in order are left out.
 */
export async function listSealFaults(
  session: Pick<ServerSession, 'rows'>,
  tenants: readonly TenantDatabaseNames[],
): Promise<Map<string, string>> {
  const databases = await readDatabases(
    session,
    tenants.map(({ database }) => database),
  );
  const roles = await readRoles(
    session,
    tenants.flatMap(({ migratorRole, applicationRole }) => [migratorRole, applicationRole]),
  );
  const faultOf = ({ database, migratorRole, applicationRole }: TenantDatabaseNames): string | undefined => {
    const found = databases.get(database);
    if (found === undefined) return 'it does not exist';
    if (found.isInvalid) return 'an interrupted DROP left half of it';
    if (!found.allowsConnections) return 'it allows no connections';
    if (found.isOpenToPublic) return 'PUBLIC has rights on it';
    const missing = [migratorRole, applicationRole].find((role) => roles.get(role)?.canLogin !== true);
    return missing === undefined ? undefined : `the role "${missing}" does not exist or may not log in`;
  };
  return new Map(
    tenants.flatMap((tenant) => {
      const fault = faultOf(tenant);
      return fault === undefined ? [] : [[tenant.database, fault] as const];
    }),
  );
}
