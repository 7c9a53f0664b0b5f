import type { DatabaseServer, Fingerprint } from '../databases/database-server.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { verifyTenantDatabase } from '../databases/verify-database.ts';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { Tenant } from '../registry/repositories/tenants.ts';
import type { Found } from './finding.ts';
import type { Server } from './look-at-server.ts';
import type { ReconcileNeeds } from './reconcile-needs.ts';

export type Visit = { tenant: Tenant; server: Server; session: ServerSession; address: DatabaseServer };

/**
 * Logs in to a tenant's database as both of its roles. What its users changed in the rows is no difference.
 * @throws what is in the way of looking
 */
export async function visitTenant(needs: ReconcileNeeds, visit: Visit): Promise<Found[]> {
  try {
    const { refused, differences } = await logIn(needs, visit);
    return [
      ...(refused.length === 0
        ? []
        : found(visit, {
            kind: 'password_refused',
            action: 'set_password',
            detail: `the password of ${refused.join(' and ')} is not the one that the registry holds`,
          })),
      ...(differences.length === 0
        ? []
        : found(visit, {
            kind: 'fingerprint_differs',
            detail: `${differences.join(' and ')} of its database are no longer what was written down. See who changed what; where it was meant, a migration writes down the new ones`,
          })),
    ];
  } catch (error) {
    const code = error instanceof AppError ? error.code : undefined;
    if (code === errors.sealBroken.definition.code) {
      return found(visit, { kind: 'password_unreadable', detail: unreadable });
    }
    if (!(error instanceof AppError) || code !== errors.verificationFailed.definition.code) throw error;
    return found(visit, { kind: 'login_refused', detail: error.message });
  }
}

const unreadable =
  'the sealed passwords of its roles cannot be opened: the row was altered, or sealed with another key. Put the columns of its row back from a backup of the registry; tenant-cli doctor says whether the keys are right';

function found({ tenant, server }: Visit, fault: Pick<Found, 'kind' | 'detail' | 'action'>): Found[] {
  return [
    {
      ...fault,
      server: server.name,
      subject: tenant.databaseName ?? tenant.slug,
      tenantId: tenant.id,
      detail: `Tenant ${tenant.slug}: ${fault.detail}.`,
      target: { of: 'tenant', serverId: server.id, tenantId: tenant.id },
    },
  ];
}

const compared = ['structure', 'privileges'] as const;

/** @returns the roles whose passwords are refused, and the parts that differ. */
async function logIn(needs: ReconcileNeeds, { tenant, session, address }: Visit) {
  const expected = tenant.schemaFingerprint as Fingerprint | null;
  let seen: Fingerprint | undefined;
  const result = await verifyTenantDatabase({
    session,
    address,
    names: namesOf(tenant),
    neutral: needs.ownership.neutral,
    passwords: needs.openPasswords(tenant),
    expected: nothingExpected,
    settings: [],
    inspect: async (client) => {
      seen = await needs.takeFingerprint(client);
      return nothingExpected;
    },
  });
  const refused = result.outcome === 'passwordRefused' ? result.roles : [];
  const differences = compared.filter((part) => expected && seen && expected[part] !== seen[part]);
  return { refused, differences };
}

/** The comparison is made here, where a difference is a finding and no failure. */
const nothingExpected: Fingerprint = { structure: '', privileges: '', carriedRows: '' };

export function namesOf({ databaseName, migratorRole, applicationRole, slug }: Tenant) {
  if (databaseName === null || migratorRole === null || applicationRole === null) {
    throw errors.verificationFailed(`tenant ${slug} has no names for its database and roles`);
  }
  return { database: databaseName, migratorRole, applicationRole };
}
