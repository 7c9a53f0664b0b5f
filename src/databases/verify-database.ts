import type pg from 'pg';
import { errors } from '../errors/catalogue.ts';
import type { Fingerprint, NeutralRoles, ServerAddress, TenantDatabaseNames } from './database-server.ts';
import { type DatabaseSetting, settingFaults } from './database-settings.ts';
import { readDatabase } from './database-state.ts';
import { mapServerError } from './map-server-error.ts';
import type { ServerSession } from './server-session.ts';
import { sqlState } from './sql-state.ts';
import { openTenantConnection } from './tenant-connection.ts';
import { applicationFaults, migratorFaults } from './tenant-role-faults.ts';

export type Verification = {
  readonly session: ServerSession;
  readonly address: ServerAddress;
  readonly names: TenantDatabaseNames;
  readonly neutral: NeutralRoles;
  readonly passwords: { readonly migrator: string; readonly application: string };
  readonly expected: Fingerprint;
  /** What every session in the database begins with. */
  readonly settings: readonly DatabaseSetting[];
  /** Takes the fingerprint on the migrator's connection. */
  readonly inspect: (client: pg.Client) => Promise<Fingerprint>;
};

/** `passwordRefused`: the roles whose password is not the one given; repair them and verify again. */
export type VerificationOutcome =
  | { readonly outcome: 'verified' }
  | { readonly outcome: 'passwordRefused'; readonly roles: readonly string[] };

const STATEMENT_TIMEOUT_MS = 30_000;

/**
 * Looks whether a tenant's database is complete and sealed, by logging in as both of its roles.
 * Throws verification_failed with everything that is wrong.
 */
export async function verifyTenantDatabase(verification: Verification): Promise<VerificationOutcome> {
  assertNoFaults(await catalogFaults(verification));
  const { names } = verification;
  const results = await Promise.allSettled([
    inspectAsMigrator(verification),
    inspectAsApplication(verification),
  ]);
  const [migrator, application] = results;
  const refused = [
    ...(isPasswordRefused(migrator) ? [names.migratorRole] : []),
    ...(isPasswordRefused(application) ? [names.applicationRole] : []),
  ];
  if (refused.length > 0) return { outcome: 'passwordRefused', roles: refused };
  assertNoFaults(results.flatMap(faultsOf));
  return { outcome: 'verified' };
}

function isPasswordRefused(result: PromiseSettledResult<unknown>): boolean {
  return result.status === 'rejected' && sqlState(result.reason) === '28P01';
}

function faultsOf(result: PromiseSettledResult<string[]>): string[] {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

function assertNoFaults(faults: readonly string[]): void {
  if (faults.length > 0) throw errors.verificationFailed(faults.join('; '));
}

async function catalogFaults({ session, names, neutral, settings }: Verification): Promise<string[]> {
  const found = await readDatabase(session, names.database);
  if (found === undefined) return [`the database "${names.database}" does not exist`];
  // An owner could let PUBLIC in and drop the database.
  const forbiddenOwners = [names.migratorRole, names.applicationRole, neutral.owner, neutral.application];
  return [
    ...(found.isInvalid ? ['an interrupted DROP left it invalid'] : []),
    ...(found.allowsConnections ? [] : ['it allows no connections']),
    ...(found.isOpenToPublic ? ['PUBLIC has rights on it'] : []),
    ...(found.isTemplate ? ['it is marked as a template'] : []),
    ...(forbiddenOwners.includes(found.owner) ? [`it belongs to "${found.owner}"`] : []),
    ...(await settingFaults(session, names.database, settings)),
  ];
}

function inspectAsMigrator(verification: Verification): Promise<string[]> {
  const { names, neutral, passwords, expected, inspect } = verification;
  const login = { user: names.migratorRole, password: passwords.migrator };
  return withLogin(verification, login, async (client) => [
    ...(await migratorFaults(client, neutral)),
    ...differences(expected, await inspect(client)),
  ]);
}

function inspectAsApplication(verification: Verification): Promise<string[]> {
  const { names, neutral, passwords } = verification;
  const login = { user: names.applicationRole, password: passwords.application };
  return withLogin(verification, login, (client) => applicationFaults(client, neutral));
}

async function withLogin(
  { session, address, names }: Verification,
  login: { user: string; password: string },
  look: (client: pg.Client) => Promise<string[]>,
): Promise<string[]> {
  try {
    const client = await openTenantConnection({
      address,
      database: names.database,
      ...login,
      applicationName: 'tenant-manager verify',
      statementTimeoutMs: STATEMENT_TIMEOUT_MS,
      searchPath: 'pg_catalog',
    });
    return await look(client).finally(() => client.end());
  } catch (error) {
    const state = sqlState(error);
    if (state === '28P01') throw error;
    // 28000: the role may not log in, or pg_hba.conf has no line for it. 42501: CONNECT is missing.
    if (state === '28000' || state === '42501') return [`"${login.user}" is refused: ${messageOf(error)}`];
    throw mapServerError(error, session.server);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function differences(expected: Fingerprint, found: Fingerprint): string[] {
  return [
    ...(expected.structure === found.structure ? [] : ['its structure differs from the template']),
    ...(expected.privileges === found.privileges ? [] : ['its privileges differ from the template']),
    ...(expected.carriedRows === found.carriedRows ? [] : ['its carried rows differ from the template']),
  ];
}
