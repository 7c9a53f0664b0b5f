import { randomUUID } from 'node:crypto';
import type { Insertable } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { errors } from '../errors/catalogue.ts';
import type { RegistryTransaction } from '../registry/registry-database.ts';
import type { RegistryMessage } from '../registry/registry-message.ts';
import { type Actor, type AuditEntry, systemActor } from '../registry/repositories/audit-log.ts';
import { latestRun } from '../registry/repositories/provisioning-runs.ts';
import { insertRegistration, type Registration } from '../registry/repositories/registrations.ts';
import { findTenant, insertTenant } from '../registry/repositories/tenants.ts';
import { findUserByEmail, insertUser, type User } from '../registry/repositories/users.ts';
import { claimWarmDatabase, type WarmDatabase } from '../registry/repositories/warm-databases.ts';
import type { TenantRegistry } from '../registry/tables.generated.ts';
import { slugCandidates } from './slug.ts';
import type { RequestedTenant, RequestTenantNeeds, TenantRequest } from './tenant-request.ts';

export type IdentifiedOwner =
  | { kind: 'known'; user: User }
  | { kind: 'new'; email: string; name: string | null; passwordHash: string };

export type Acceptance = { request: TenantRequest; owner: IdentifiedOwner; templateId: string | undefined };

/** `isActive`: it got a warm database, and there is nothing left to do. */
export type AcceptedTenant = RequestedTenant & { generation: number; isActive: boolean };

/**
 * Tenant, first admin, run and outbox row in one transaction, in as few statements as there can be. Where a warm
 * database is to be had, the tenant gets it here and is active; else a worker makes one.
 */
export async function acceptTenant(
  needs: RequestTenantNeeds,
  trx: RegistryTransaction,
  acceptance: Acceptance,
): Promise<AcceptedTenant> {
  const { request, owner, templateId } = acceptance;
  const tenantId = uuidv7();
  if (request.idempotency !== undefined) {
    const earlierId = await needs.bindIdempotency(trx, request.idempotency, tenantId);
    if (earlierId !== null) return acceptedBefore(trx, earlierId, owner);
  }
  const user = await settleUser(needs, trx, acceptance);
  const region = request.region ?? needs.defaultRegion;
  const warm =
    templateId === undefined
      ? undefined
      : await claimWarmDatabase(trx, { templateId, region, claimant: 'registration' });
  const place = warm === undefined ? { status: 'requested' as const } : activeIn(warm);
  const slug = await insertWithFreeSlug(trx, request, {
    id: tenantId,
    name: request.organizationName,
    plan: request.plan,
    region,
    templateId: templateId ?? null,
    ...place,
  });
  const runId = randomUUID();
  const actor = request.actor.kind === 'anonymous' ? { kind: 'user' as const, id: user.id } : request.actor;
  const accepted = { tenantId, slug, userId: user.id, runId, actor, request };
  await insertRegistration(trx, warm === undefined ? queued(accepted) : completed(accepted, warm));
  return { tenantId, slug, runId, generation: 1, isActive: warm !== undefined, user };
}

/** The answer to the first request was lost after its commit: this is the tenant that it made. */
async function acceptedBefore(
  trx: RegistryTransaction,
  tenantId: string,
  owner: IdentifiedOwner,
): Promise<AcceptedTenant> {
  const [tenant, run] = [await findTenant(trx, tenantId), await latestRun(trx, tenantId)];
  const user = owner.kind === 'known' ? owner.user : await findUserByEmail(trx, owner.email);
  if (tenant === undefined || run === undefined || user === undefined) throw errors.idempotencyKeyReused();
  const { slug } = tenant;
  const isActive = tenant.status === 'active';
  return { tenantId, slug, runId: run.id, generation: run.generation, isActive, user: publicUser(user) };
}

/** Two first registrations of one address at once: the second finds the first one's user and proves itself. */
async function settleUser(
  needs: RequestTenantNeeds,
  trx: RegistryTransaction,
  { request, owner }: Acceptance,
): Promise<RequestedTenant['user']> {
  if (owner.kind === 'known') return publicUser(owner.user);
  const { email, name, passwordHash } = owner;
  // Random: a time-ordered id would tell whoever adds a member how old that person's account is.
  const id = randomUUID();
  if (await insertUser(trx, { id, email, name, passwordHash })) return { id, email, emailVerified: false };
  const user = await findUserByEmail(trx, email);
  const isTheirs =
    user !== undefined && (await needs.verifyPassword(user.passwordHash, request.owner.password));
  if (!isTheirs) throw errors.emailTaken();
  return publicUser(user);
}

async function insertWithFreeSlug(
  trx: RegistryTransaction,
  request: TenantRequest,
  tenant: Omit<Insertable<TenantRegistry>, 'slug'>,
): Promise<string> {
  const candidates = request.slug === undefined ? slugCandidates(request.organizationName) : [request.slug];
  for (const slug of candidates) {
    if (await insertTenant(trx, { ...tenant, slug })) return slug;
  }
  throw errors.slugTaken(request.slug ?? candidates[0] ?? '');
}

/** It was verified when it was warmed. No copy is pinned: nothing is cloned any more. */
function activeIn(warm: WarmDatabase) {
  const now = new Date();
  return {
    status: 'active' as const,
    provisioningAt: now,
    activatedAt: now,
    serverId: warm.serverId,
    databaseId: warm.id,
    databaseName: warm.databaseName,
    migratorRole: warm.migratorRole,
    applicationRole: warm.applicationRole,
    sealedDataKey: warm.sealedDataKey,
    sealedApplicationPassword: warm.sealedApplicationPassword,
    sealedMigratorPassword: warm.sealedMigratorPassword,
    templateVersionId: warm.templateVersionId,
    schemaFingerprint: JSON.stringify(warm.schemaFingerprint),
  };
}

type Accepted = {
  tenantId: string;
  slug: string;
  userId: string;
  runId: string;
  actor: Actor;
  request: TenantRequest;
};

function queued({ tenantId, userId, runId: id, ...accepted }: Accepted): Registration {
  const { requestId } = accepted.request;
  return {
    tenantId,
    userId,
    run: { id, tenantId, generation: 1, kind: 'provision', requestId },
    steps: [],
    outbox: { topic: 'queue.run-provisioning', payload: { tenant_id: tenantId, generation: 1 } },
    audit: [requestedEntry({ tenantId, ...accepted })],
    messages: [{ kind: 'outbox.added' }],
  };
}

const claimStep = 'claim-warm-database';

function completed(accepted: Accepted, { serverId }: WarmDatabase): Registration {
  const { tenantId, slug } = accepted;
  const { requestId } = accepted.request;
  const registration = queued(accepted);
  const end = { status: 'completed', progress: 100, attempts: 1, way: 'warm' } as const;
  const messages: RegistryMessage[] = [
    { kind: 'outbox.added' },
    { kind: 'tenant.changed', tenantId, slug },
    { kind: 'warm.wanted', serverId },
  ];
  return {
    ...registration,
    run: { ...registration.run, ...end, currentStep: claimStep },
    steps: [claimStep],
    outbox: { topic: 'event.tenant.activated', payload: { tenant_id: tenantId } },
    audit: [...registration.audit, { actor: systemActor, action: 'tenant.activated', tenantId, requestId }],
    messages,
  };
}

function requestedEntry({ tenantId, slug, actor, request }: Omit<Accepted, 'userId' | 'runId'>): AuditEntry {
  const after = { slug, plan: request.plan };
  return { actor, action: 'tenant.requested', tenantId, after, requestId: request.requestId };
}

const publicUser = ({ id, email, emailVerifiedAt }: User) => ({
  id,
  email,
  emailVerified: emailVerifiedAt !== null,
});
