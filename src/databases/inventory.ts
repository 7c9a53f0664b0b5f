import { type DatabaseState, readDatabasesByPrefix } from './database-state.ts';
import { type RoleState, readRolesByPrefix } from './role-state.ts';
import type { ServerSession } from './server-session.ts';

export type Prefixes = {
  readonly databasePrefixes: readonly string[];
  readonly rolePrefixes: readonly string[];
};

export type PlatformObjects = { readonly databases: DatabaseState[]; readonly roles: RoleState[] };

/** What the server has by the platform's names, to be compared with what the registry says. */
export async function listPlatformObjects(
  session: Pick<ServerSession, 'rows'>,
  { databasePrefixes, rolePrefixes }: Prefixes,
): Promise<PlatformObjects> {
  return {
    databases: await readDatabasesByPrefix(session, databasePrefixes),
    roles: await readRolesByPrefix(session, rolePrefixes),
  };
}
