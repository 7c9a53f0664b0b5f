import type { DatabaseServer } from '../databases/database-server.ts';
import { scramVerifier } from '../databases/scram-verifier.ts';
import { openServerSession, type ServerSession } from '../databases/server-session.ts';
import { setRolePasswords } from '../databases/tenant-roles.ts';
import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { recordAudit } from '../registry/repositories/audit-log.ts';
import {
  notePendingCredentials,
  rotatableStates,
  takeOverPendingCredentials,
} from '../registry/repositories/pending-credentials.ts';
import { findTenant, type Tenant } from '../registry/repositories/tenants.ts';
import type { Credentials } from './credentials.ts';
import type { Around } from './failpoints.ts';
import type { ChangeRequest } from './tenant-transition.ts';

export type RotationNeeds = {
  registry: RegistryDatabase;
  serverOf: (serverId: string) => Promise<DatabaseServer>;
  credentials: Credentials;
  applicationName: string;
  around: Around;
};

export type Rotation = { tenant_id: string; slug: string; rotated_at: string };

const statementTimeoutMs = 10_000;
/** A run or a repair of this tenant, which is over soon. */
const lockWaitMs = 10_000;

/**
 * Gives both roles of a tenant new passwords. The registry holds the new ones beside the old before the server
 * gets them, so that whoever logs in meanwhile has the right one, whatever dies in between. What a former attempt
 * left pending is brought to its end. The lock is of the session that sets the passwords: whoever lost the one has
 * lost the other.
 * @throws tenant_not_found, state_conflict, database_server_busy
 */
export function createCredentialRotation(needs: RotationNeeds) {
  const { registry, applicationName } = needs;

  return async function rotateCredentials(tenantId: string, request: ChangeRequest): Promise<Rotation> {
    const { serverId } = await rotatable(registry, tenantId);
    const server = await needs.serverOf(serverId);
    const session = await openServerSession(server, { applicationName, statementTimeoutMs });
    try {
      if (!(await session.lock(`tenant:${tenantId}`, lockWaitMs))) {
        throw errors.serverBusy('somebody else is at work on this tenant. Try again shortly.');
      }
      return await rotate(needs, session, { tenantId, request });
    } finally {
      await session.close();
    }
  };
}

type Ask = { tenantId: string; request: ChangeRequest };

async function rotate(needs: RotationNeeds, session: ServerSession, ask: Ask): Promise<Rotation> {
  const { registry, credentials, around } = needs;
  const pending = await around('rotate: note', () =>
    registry.transaction().execute((trx) => note(trx, credentials, ask)),
  );
  const verifiers = verifiersOf(pending, credentials);
  await around('rotate: set', () => setRolePasswords(session, verifiers));
  const rotatedAt = await around('rotate: take over', () =>
    registry.transaction().execute((trx) => takeOver(trx, pending, ask)),
  );
  return { tenant_id: pending.id, slug: pending.slug, rotated_at: rotatedAt.toISOString() };
}

async function note(trx: RegistryTransaction, credentials: Credentials, { tenantId }: Ask): Promise<Tenant> {
  const tenant = await rotatable(trx, tenantId);
  const noted = await notePendingCredentials(trx, tenant, credentials.sealPending(tenant));
  if (noted === undefined) throw errors.stateConflict(tenant.status, 'given new passwords');
  await publish(trx, { kind: 'tenant.changed', tenantId, slug: noted.slug });
  return noted;
}

function verifiersOf(tenant: Tenant, credentials: Credentials) {
  const { migratorRole, applicationRole } = tenant;
  if (migratorRole === null || applicationRole === null) throw errors.tenantDatabaseUnavailable();
  const passwords = credentials.openPending(tenant);
  return [
    { role: migratorRole, verifier: scramVerifier(passwords.migrator) },
    { role: applicationRole, verifier: scramVerifier(passwords.application) },
  ];
}

async function takeOver(trx: RegistryTransaction, pending: Tenant, { request }: Ask): Promise<Date> {
  const { id: tenantId, slug } = pending;
  const rotatedAt = await takeOverPendingCredentials(trx, pending);
  if (rotatedAt === undefined) throw errors.fenced();
  const { actor, requestId, reason } = request;
  await recordAudit(trx, {
    actor,
    action: 'tenant.credentials_rotated',
    tenantId,
    ...(reason !== undefined && { after: { reason } }),
    requestId,
  });
  await publish(trx, { kind: 'tenant.changed', tenantId, slug });
  return rotatedAt;
}

type Rotatable = Tenant & { serverId: string };

/** @throws tenant_not_found, state_conflict */
export async function rotatable(
  executor: RegistryDatabase | RegistryTransaction,
  tenantId: string,
): Promise<Rotatable> {
  const tenant = await findTenant(executor, tenantId);
  if (tenant === undefined) throw errors.tenantNotFound();
  const isInUse = rotatableStates.some((status) => status === tenant.status);
  if (!isInUse || tenant.serverId === null) {
    throw errors.stateConflict(tenant.status, 'given new passwords');
  }
  return { ...tenant, serverId: tenant.serverId };
}
