import type { NeutralRoles, TenantDatabaseNames } from './database-server.ts';
import { quoteIdentifier, quoteLiteral } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import { assertOurs, type RoleState, readRoles } from './role-state.ts';
import type { ServerSession } from './server-session.ts';
import { isAlreadyDone } from './sql-state.ts';

export type TenantRoleNames = Pick<TenantDatabaseNames, 'migratorRole' | 'applicationRole'>;

export type TenantRoles = {
  readonly names: TenantRoleNames;
  readonly neutral: NeutralRoles;
  /** SCRAM verifiers, see `scramVerifier`. */
  readonly verifiers: { readonly migrator: string; readonly application: string };
  readonly applicationConnectionLimit: number;
};

/** One for a migration, one for a backup, one for a repair, one in reserve. */
export const migratorConnectionLimit = 4;
/** The one limit that a tenant cannot lift itself; only a superuser may set it. */
const TEMP_FILE_LIMIT = '512MB';

type WantedRole = {
  name: string;
  verifier: string;
  connectionLimit: number;
  memberOf: string;
  settings: readonly string[];
};

/**
 * Makes a tenant's two login roles, or brings those that a crash left to exactly this state. One transaction:
 * both or none. The caller holds the tenant's lock; without it the last caller's passwords win.
 */
export async function createTenantRoles(session: ServerSession, roles: TenantRoles): Promise<void> {
  const wanted = [wantedMigrator(roles), wantedApplication(session, roles)];
  const bring = () => retryConcurrentUpdate(() => bringTo(session, wanted));
  try {
    await bring();
  } catch (error) {
    if (!isAlreadyDone(error)) throw error;
    // Somebody else made them between our look and our CREATE: now there is something to alter.
    await bring();
  }
}

function wantedMigrator({ names, neutral, verifiers }: TenantRoles): WantedRole {
  return {
    name: names.migratorRole,
    verifier: verifiers.migrator,
    connectionLimit: migratorConnectionLimit,
    memberOf: neutral.owner,
    // What a migration makes belongs to the neutral owner, whatever the migration says.
    settings: [`role = ${quoteLiteral(neutral.owner)}`],
  };
}

function wantedApplication(session: ServerSession, roles: TenantRoles): WantedRole {
  return {
    name: roles.names.applicationRole,
    verifier: roles.verifiers.application,
    connectionLimit: roles.applicationConnectionLimit,
    memberOf: roles.neutral.application,
    settings: session.features.isSuperuser ? [`temp_file_limit = ${quoteLiteral(TEMP_FILE_LIMIT)}`] : [],
  };
}

async function bringTo(session: ServerSession, wanted: readonly WantedRole[]): Promise<void> {
  const found = await readRoles(
    session,
    wanted.map(({ name }) => name),
  );
  const statements = wanted.flatMap((role) => {
    const existing = found.get(role.name);
    return existing === undefined ? creation(role) : correction(role, existing);
  });
  await session.run(statements.join(';\n'));
}

function creation(role: WantedRole): string[] {
  const name = quoteIdentifier(role.name);
  return [
    `CREATE ROLE ${name} ${attributes(role)} IN ROLE ${quoteIdentifier(role.memberOf)}`,
    ...settings(role),
  ];
}

function correction(role: WantedRole, existing: RoleState): string[] {
  assertOurs(existing);
  const name = quoteIdentifier(role.name);
  return [
    `ALTER ROLE ${name} NOCREATEDB NOCREATEROLE ${attributes(role)}`,
    `ALTER ROLE ${name} RESET ALL`,
    // The wanted group too: its admin option goes, and from 16 on its inherit option comes back.
    ...existing.memberOf.map((group) => `REVOKE ${quoteIdentifier(group)} FROM ${name}`),
    `GRANT ${quoteIdentifier(role.memberOf)} TO ${name}`,
    ...settings(role),
  ];
}

function attributes({ verifier, connectionLimit }: WantedRole): string {
  if (!Number.isInteger(connectionLimit)) throw new TypeError('A connection limit is a whole number.');
  return `LOGIN INHERIT CONNECTION LIMIT ${connectionLimit} ${passwordOf(verifier)}`;
}

/** A password whose time is over is refused like a wrong one. */
const passwordOf = (verifier: string) => `PASSWORD ${quoteLiteral(verifier)} VALID UNTIL 'infinity'`;

function settings({ name, settings }: WantedRole): string[] {
  return settings.map((setting) => `ALTER ROLE ${quoteIdentifier(name)} SET ${setting}`);
}

/** Sets a role's password back to the one that the registry holds: a tenant can change its own. */
export async function repairRolePassword(
  session: ServerSession,
  role: string,
  verifier: string,
): Promise<void> {
  await setRolePasswords(session, [{ role, verifier }]);
}

/** All of them in one transaction. Sessions that are open stay so. */
export async function setRolePasswords(
  session: ServerSession,
  passwords: readonly { role: string; verifier: string }[],
): Promise<void> {
  const statements = passwords.map(
    ({ role, verifier }) => `ALTER ROLE ${quoteIdentifier(role)} LOGIN ${passwordOf(verifier)}`,
  );
  await retryConcurrentUpdate(() => session.run(statements.join(';\n')));
}
