import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { errors } from '../errors/catalogue.ts';
import type { RegistryTransaction } from '../registry/registry-database.ts';
import type { RegistryMessage } from '../registry/registry-message.ts';
import { type Actor, type AuditEntry, systemActor } from '../registry/repositories/audit-log.ts';
import { latestRun } from '../registry/repositories/provisioning-runs.ts';
import { insertRegistration, type Registration } from '../registry/repositories/registrations.ts';
import { findTenant, insertTenant } from '../registry/repositories/tenants.ts';
import { findUserByEmail, insertUser, type User } from '../registry/repositories/users.ts';
import {
  type ActiveTenantToBe,
  insertActiveTenant,
  type WarmStart,
} from '../registry/repositories/warm-claims.ts';
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
  const { slug, serverId } = await insertWithFreeSlug(trx, {
    id: tenantId,
    name: request.organizationName,
    plan: request.plan,
    region: request.region ?? needs.defaultRegion,
    templateId: templateId ?? null,
    candidates: request.slug === undefined ? slugCandidates(request.organizationName) : [request.slug],
  });
  const runId = randomUUID();
  const actor = request.actor.kind === 'anonymous' ? { kind: 'user' as const, id: user.id } : request.actor;
  const accepted = { tenantId, slug, userId: user.id, runId, actor, request };
  await insertRegistration(trx, serverId === undefined ? queued(accepted) : completed(accepted, serverId));
  return { tenantId, slug, runId, generation: 1, isActive: serverId !== undefined, user };
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

type TenantToBe = Omit<ActiveTenantToBe, 'templateId' | 'slug'> & {
  templateId: string | null;
  /** The slugs that it may have, the best first. */
  candidates: readonly string[];
};

/** `serverId`: where the warm database is that it got; undefined when a worker has to make one. */
type Inserted = { slug: string; serverId: string | undefined };

async function insertWithFreeSlug(
  trx: RegistryTransaction,
  { candidates, ...tenant }: TenantToBe,
): Promise<Inserted> {
  for (const slug of candidates) {
    const start = await startInWarm(trx, { ...tenant, slug });
    if (start.outcome === 'active') return { slug, serverId: start.serverId };
    if (start.outcome === 'slugTaken') continue;
    if (await insertTenant(trx, { ...tenant, slug, status: 'requested' }))
      return { slug, serverId: undefined };
  }
  throw errors.slugTaken(candidates[0] ?? '');
}

async function startInWarm(
  trx: RegistryTransaction,
  { templateId, ...tenant }: Omit<ActiveTenantToBe, 'templateId'> & { templateId: string | null },
): Promise<WarmStart> {
  return templateId === null ? { outcome: 'none' } : insertActiveTenant(trx, { ...tenant, templateId });
}

type Accepted = {
  tenantId: string;
  slug: string;
  userId: string;
  runId: string;
  actor: Actor;
  request: TenantRequest;
};

const queueTopic = 'queue.run-provisioning';

function queued({ tenantId, userId, runId: id, ...accepted }: Accepted): Registration {
  const { requestId } = accepted.request;
  return {
    tenantId,
    userId,
    run: { id, tenantId, generation: 1, kind: 'provision', requestId },
    steps: [],
    outbox: { topic: queueTopic, payload: { tenant_id: tenantId, generation: 1 } },
    audit: [requestedEntry({ tenantId, ...accepted })],
    messages: [{ kind: 'outbox.added', topic: queueTopic }],
  };
}

const claimStep = 'claim-warm-database';
const eventTopic = 'event.tenant.activated';

function completed(accepted: Accepted, serverId: string): Registration {
  const { tenantId, slug } = accepted;
  const { requestId } = accepted.request;
  const registration = queued(accepted);
  const end = { status: 'completed', progress: 100, attempts: 1, way: 'warm' } as const;
  const messages: RegistryMessage[] = [
    { kind: 'outbox.added', topic: eventTopic },
    { kind: 'tenant.changed', tenantId, slug },
    { kind: 'warm.wanted', serverId },
  ];
  return {
    ...registration,
    run: { ...registration.run, ...end, currentStep: claimStep },
    steps: [claimStep],
    outbox: { topic: eventTopic, payload: { tenant_id: tenantId } },
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
