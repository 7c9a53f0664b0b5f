import { errors } from '../errors/catalogue.ts';
import type { ServerSession } from './server-session.ts';

export type RoleState = {
  readonly name: string;
  readonly canLogin: boolean;
  /** Superuser, replication, BYPASSRLS, or made by initdb: none of the platform's roles is. */
  readonly isPowerful: boolean;
  readonly memberOf: readonly string[];
};

/** The columns of it, of pg_roles `r`. */
export const ROLE_STATE = `
         r.rolname::text AS name, r.rolcanlogin AS "canLogin",
         r.rolsuper OR r.rolreplication OR r.rolbypassrls OR r.oid < 16384 AS "isPowerful",
         ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                WHERE m.member = r.oid ORDER BY 1) AS "memberOf"`;

const ROLES = `SELECT ${ROLE_STATE} FROM pg_roles r`;

/** The roles of these names that exist. */
export async function readRoles(
  session: Pick<ServerSession, 'rows'>,
  names: readonly string[],
): Promise<Map<string, RoleState>> {
  const found = await session.rows<RoleState>(`${ROLES} WHERE r.rolname = ANY($1::text[])`, [[...names]]);
  return new Map(found.map((role) => [role.name, role]));
}

/** Throws when a role of this name exists that the platform cannot have made: it is somebody's, and is left alone. */
export function assertOurs(role: RoleState): void {
  if (!role.isPowerful) return;
  throw errors.verificationFailed(
    `the role "${role.name}" has rights that the platform never gives, so that somebody else made it`,
  );
}
