import { randomUUID } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { type Actor, recordAudit } from '../registry/repositories/audit-log.ts';
import { insertMember } from '../registry/repositories/members.ts';
import { insertOutbox } from '../registry/repositories/outbox.ts';
import { findPlan, listPlans } from '../registry/repositories/plans.ts';
import { countOpenRuns, insertRun, latestRun } from '../registry/repositories/provisioning-runs.ts';
import { findTemplate } from '../registry/repositories/templates.ts';
import { insertTenantSettings } from '../registry/repositories/tenant-settings.ts';
import { findTenant, insertTenant } from '../registry/repositories/tenants.ts';
import { findUserByEmail, findUserById, insertUser, type User } from '../registry/repositories/users.ts';
import { assertSlug, slugCandidates } from './slug.ts';

export type Owner = { email: string; password: string; name?: string };

/** The row of `idempotency_keys` that this request has claimed. */
export type IdempotencyClaim = { scope: string; key: string; owner: string };

export type TenantRequest = {
  organizationName: string;
  /** Asked for; derived from the name if left out. */
  slug?: string;
  plan: string;
  region?: string;
  template?: string;
  owner: Owner;
  idempotency?: IdempotencyClaim;
  actor: Actor;
  requestId: string;
};

export type RequestedTenant = {
  tenantId: string;
  slug: string;
  runId: string;
  user: { id: string; email: string; emailVerified: boolean };
};

export type RequestTenantNeeds = {
  registry: RegistryDatabase;
  defaultRegion: string;
  maxPending: number;
  normalizeEmail: (email: string) => string;
  hashPassword: (password: string) => Promise<string>;
  verifyPassword: (hash: string, password: string) => Promise<boolean>;
  /** Writes what the idempotency key stands for; gives what it stands for already. */
  bindIdempotency: (
    trx: RegistryTransaction,
    claim: IdempotencyClaim,
    resourceId: string,
  ) => Promise<string | null>;
  afterCommit: (tenantId: string, generation: number) => void;
};

const defaultTemplate = 'default';

/**
 * Accepts an organization: tenant, first admin, run and outbox row in one registry transaction. From its
 * commit on the sign-up cannot be lost.
 * @throws slug_taken, email_taken, invalid_request, registrations_full
 */
export function createTenantRequests(needs: RequestTenantNeeds) {
  return async function requestTenant(request: TenantRequest): Promise<RequestedTenant> {
    if (request.slug !== undefined) assertSlug(request.slug);
    await assertPlan(needs.registry, request);
    const open = await countOpenRuns(needs.registry, needs.maxPending);
    if (open >= needs.maxPending) throw errors.registrationsFull();
    const owner = await identifyOwner(needs, request.owner);
    const accepted = await needs.registry
      .transaction()
      .execute((trx) => accept(needs, trx, { request, owner }));
    needs.afterCommit(accepted.tenantId, accepted.generation);
    return accepted;
  };
}

/** Plans that are not self-service are given by operators. */
async function assertPlan(registry: RegistryDatabase, { plan: key, actor }: TenantRequest): Promise<void> {
  const plan = await findPlan(registry, key);
  if (plan !== undefined && (plan.selfService || actor.kind === 'operator')) return;
  const open = (await listPlans(registry)).filter((each) => each.selfService).map((each) => each.key);
  throw errors.invalidRequest([{ path: 'plan', message: `must be one of ${open.join(', ')}` }]);
}

type IdentifiedOwner =
  | { kind: 'known'; user: User }
  | { kind: 'new'; email: string; name: string | null; passwordHash: string };

/** A known address needs its own password, so that nobody adds tenants to somebody else's account. */
async function identifyOwner(needs: RequestTenantNeeds, owner: Owner): Promise<IdentifiedOwner> {
  const email = needs.normalizeEmail(owner.email);
  const user = await findUserByEmail(needs.registry, email);
  if (user === undefined) {
    return {
      kind: 'new',
      email,
      name: owner.name ?? null,
      passwordHash: await needs.hashPassword(owner.password),
    };
  }
  if (!(await needs.verifyPassword(user.passwordHash, owner.password))) throw errors.emailTaken();
  return { kind: 'known', user };
}

type Acceptance = { request: TenantRequest; owner: IdentifiedOwner };
type Accepted = RequestedTenant & { generation: number };

async function accept(
  needs: RequestTenantNeeds,
  trx: RegistryTransaction,
  { request, owner }: Acceptance,
): Promise<Accepted> {
  const tenantId = uuidv7();
  if (request.idempotency !== undefined) {
    const earlierId = await needs.bindIdempotency(trx, request.idempotency, tenantId);
    if (earlierId !== null) return acceptedBefore(trx, earlierId, owner);
  }
  const user = await settleUser(needs, trx, { request, owner });
  const slug = await insertWithFreeSlug(needs, trx, { request, tenantId });
  await insertMember(trx, { tenantId, userId: user.id, role: 'ADMIN' });
  await insertTenantSettings(trx, tenantId);
  const runId = randomUUID();
  await insertRun(trx, {
    id: runId,
    tenantId,
    generation: 1,
    kind: 'provision',
    requestId: request.requestId,
  });
  await insertOutbox(trx, {
    topic: 'queue.run-provisioning',
    payload: { tenant_id: tenantId, generation: 1 },
  });
  await recordAudit(trx, {
    actor: request.actor.kind === 'anonymous' ? { kind: 'user', id: user.id } : request.actor,
    action: 'tenant.requested',
    tenantId,
    after: { slug, plan: request.plan },
    requestId: request.requestId,
  });
  return { tenantId, slug, runId, generation: 1, user: publicUser(user) };
}

/** The answer to the first request was lost after its commit: this is the tenant that it made. */
async function acceptedBefore(
  trx: RegistryTransaction,
  tenantId: string,
  owner: IdentifiedOwner,
): Promise<Accepted> {
  const [tenant, run] = [await findTenant(trx, tenantId), await latestRun(trx, tenantId)];
  const user = owner.kind === 'known' ? owner.user : await findUserByEmail(trx, owner.email);
  if (tenant === undefined || run === undefined || user === undefined) throw errors.idempotencyKeyReused();
  return { tenantId, slug: tenant.slug, runId: run.id, generation: run.generation, user: publicUser(user) };
}

/** Two first registrations of one address at once: the second finds the first one's user and proves itself. */
async function settleUser(
  needs: RequestTenantNeeds,
  trx: RegistryTransaction,
  { request, owner }: Acceptance,
): Promise<User> {
  if (owner.kind === 'known') return owner.user;
  // Random: a time-ordered id would tell whoever adds a member how old that person's account is.
  const id = randomUUID();
  const { email, name, passwordHash } = owner;
  const isNew = await insertUser(trx, { id, email, name, passwordHash });
  const user = isNew ? await findUserById(trx, id) : await findUserByEmail(trx, email);
  if (user === undefined) throw errors.emailTaken();
  if (!isNew && !(await needs.verifyPassword(user.passwordHash, request.owner.password)))
    throw errors.emailTaken();
  return user;
}

async function insertWithFreeSlug(
  needs: RequestTenantNeeds,
  trx: RegistryTransaction,
  { request, tenantId }: { request: TenantRequest; tenantId: string },
): Promise<string> {
  const template = await findTemplate(trx, request.template ?? defaultTemplate);
  if (template === undefined && request.template !== undefined) {
    throw errors.invalidRequest([
      { path: 'template', message: `there is no template "${request.template}"` },
    ]);
  }
  const candidates = request.slug === undefined ? slugCandidates(request.organizationName) : [request.slug];
  for (const slug of candidates) {
    const isInserted = await insertTenant(trx, {
      id: tenantId,
      slug,
      name: request.organizationName,
      status: 'requested',
      plan: request.plan,
      region: request.region ?? needs.defaultRegion,
      templateId: template?.id ?? null,
    });
    if (isInserted) return slug;
  }
  throw errors.slugTaken(request.slug ?? candidates[0] ?? '');
}

const publicUser = ({ id, email, emailVerifiedAt }: User) => ({
  id,
  email,
  emailVerified: emailVerifiedAt !== null,
});
