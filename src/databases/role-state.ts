import { errors } from '../errors/catalogue.ts';
import type { ServerSession } from './server-session.ts';

export type RoleState = {
  readonly name: string;
  readonly canLogin: boolean;
  /** Superuser, replication, BYPASSRLS, or made by initdb: none of the platform's roles is. */
  readonly isPowerful: boolean;
  readonly memberOf: readonly string[];
};

const ROLES = `
  SELECT r.rolname::text AS name, r.rolcanlogin AS "canLogin",
         r.rolsuper OR r.rolreplication OR r.rolbypassrls OR r.oid < 16384 AS "isPowerful",
         ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                WHERE m.member = r.oid ORDER BY 1) AS "memberOf"
    FROM pg_roles r`;

/** The roles of these names that exist. */
export async function readRoles(
  session: Pick<ServerSession, 'rows'>,
  names: readonly string[],
): Promise<Map<string, RoleState>> {
  const found = await session.rows<RoleState>(`${ROLES} WHERE r.rolname = ANY($1::text[])`, [[...names]]);
  return new Map(found.map((role) => [role.name, role]));
}

/** The roles whose names begin with one of the prefixes, taken literally. */
export function readRolesByPrefix(
  session: Pick<ServerSession, 'rows'>,
  prefixes: readonly string[],
): Promise<RoleState[]> {
  const condition = 'EXISTS (SELECT FROM unnest($1::text[]) p WHERE starts_with(r.rolname::text, p))';
  return session.rows<RoleState>(`${ROLES} WHERE ${condition} ORDER BY 1`, [[...prefixes]]);
}

/** Throws when a role of this name exists that the platform cannot have made: it is somebody's, and is left alone. */
export function assertOurs(role: RoleState): void {
  if (!role.isPowerful) return;
  throw errors.verificationFailed(
    `the role "${role.name}" has rights that the platform never gives, so that somebody else made it`,
  );
}
