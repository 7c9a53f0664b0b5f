import type { ListedRole } from '../databases/inventory.ts';
import { migratorConnectionLimit } from '../databases/tenant-roles.ts';
import type { FindingKind } from './finding.ts';
import type { Ownership } from './reconcile-needs.ts';

/** What a login role of a tenant must be. */
export type ExpectedRole = {
  name: string;
  /** The one role that it is a member of. */
  group: string;
  /** Whether every session of it acts as its group. */
  actsAsGroup: boolean;
  connectionLimit: number;
};

export type RoleFault = { kind: FindingKind; detail: string };

export const expectedMigrator = (name: string, { neutral }: Ownership): ExpectedRole => ({
  name,
  group: neutral.owner,
  actsAsGroup: true,
  connectionLimit: migratorConnectionLimit,
});

export const expectedApplication = (
  name: string,
  { neutral, connectionsPerTenant }: Ownership,
): ExpectedRole => ({
  name,
  group: neutral.application,
  actsAsGroup: false,
  connectionLimit: connectionsPerTenant,
});

/** What is wrong with it, as far as the server's catalog shows it: one fault of a kind at most. */
export function loginRoleFaults(role: ListedRole | undefined, expected: ExpectedRole): RoleFault[] {
  const { name } = expected;
  if (role === undefined) return [{ kind: 'role_missing', detail: `its role ${name} does not exist` }];
  const fault = (kind: FindingKind, whys: readonly string[]): RoleFault[] =>
    whys.length === 0 ? [] : [{ kind, detail: `its role ${name} ${whys.join(', and ')}` }];
  const isPowerful = role.isPowerful || role.mayCreateDatabasesOrRoles;
  return [
    ...fault('role_powerful', isPowerful ? ['has rights on the whole server'] : []),
    ...fault('role_misplaced', whyMisplaced(role, expected)),
    ...fault('role_shared', whyShared(role)),
    ...fault('role_shut_out', whyShutOut(role)),
    ...fault('connection_limit_differs', whyLimited(role, expected)),
  ];
}

function whyMisplaced(role: ListedRole, { group, actsAsGroup }: ExpectedRole): string[] {
  const { memberOf, inherits, mayLetOthersIn, actsAs } = role;
  const isMember = memberOf.length === 1 && memberOf[0] === group;
  const isActing = actsAs.length === 1 && actsAs[0] === group;
  return [
    ...(isMember ? [] : [`is a member of ${listOf(memberOf)}, not of ${group}`]),
    ...(inherits ? [] : [`does not have the rights of ${listOf(memberOf)} by itself`]),
    ...(mayLetOthersIn ? [`may let others into ${listOf(memberOf)}`] : []),
    ...(actsAsGroup && !isActing ? [`acts as ${listOf(actsAs, 'itself')}, not as ${group}`] : []),
  ];
}

function whyShared({ members }: ListedRole): string[] {
  return members.length === 0 ? [] : [`was granted to ${listOf(members)}`];
}

function whyShutOut({ canLogin, validUntil }: ListedRole): string[] {
  if (!canLogin) return ['may not log in'];
  return validUntil === null ? [] : [`may log in only until ${validUntil}`];
}

function whyLimited(role: ListedRole, { connectionLimit }: ExpectedRole): string[] {
  if (role.connectionLimit === connectionLimit) return [];
  const found = role.connectionLimit < 0 ? 'any number of' : String(role.connectionLimit);
  return [`may have ${found} connections, not ${connectionLimit}`];
}

const listOf = (names: readonly string[], none = 'nothing') => (names.length === 0 ? none : names.join(', '));
