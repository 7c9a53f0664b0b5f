import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { listPlans } from '../registry/repositories/plans.ts';
import { type Admission, readAdmission } from '../registry/repositories/registrations.ts';
import type { User } from '../registry/repositories/users.ts';
import { acceptTenant, type IdentifiedOwner } from './accept-tenant.ts';
import { assertSlug } from './slug.ts';
import type { Owner, RequestedTenant, RequestTenantNeeds, TenantRequest } from './tenant-request.ts';

const defaultTemplate = 'default';

/**
 * Accepts an organization: tenant, first admin, run and outbox row in one registry transaction. From its
 * commit on the sign-up cannot be lost; with a warm database at hand the tenant is active from then on.
 * @throws slug_taken, email_taken, invalid_request, registrations_full
 */
export function createTenantRequests(needs: RequestTenantNeeds) {
  const { registry, maxPending } = needs;

  return async function requestTenant(request: TenantRequest): Promise<RequestedTenant> {
    if (request.slug !== undefined) assertSlug(request.slug);
    const { plan, template = defaultTemplate } = request;
    const email = needs.normalizeEmail(request.owner.email);
    const admission = await readAdmission(registry, { plan, template, email, maxPending });
    await assertPlan(registry, request, admission);
    assertTemplate(request, admission);
    if (admission.openRuns >= maxPending) throw errors.registrationsFull();
    const owner = await identifyOwner(needs, { given: request.owner, email, known: admission.user });
    const { templateId } = admission;
    const startedAt = performance.now();
    const accepted = await registry
      .transaction()
      .execute((trx) => acceptTenant(needs, trx, { request, owner, templateId }));
    if (accepted.isActive) tellEnd(needs, plan, startedAt);
    else needs.afterCommit(accepted.tenantId, accepted.generation);
    return accepted;
  };
}

/** There was no run for a worker to tell of. */
function tellEnd({ observeEnd }: RequestTenantNeeds, plan: string, startedAt: number): void {
  const seconds = (performance.now() - startedAt) / 1_000;
  observeEnd?.({ kind: 'provision', outcome: 'completed', way: 'warm', plan, seconds });
}

/** Plans that are not self-service are given by operators. */
async function assertPlan(
  registry: RegistryDatabase,
  { actor }: TenantRequest,
  { plan }: Admission,
): Promise<void> {
  if (plan !== undefined && (plan.selfService || actor.kind === 'operator')) return;
  const open = (await listPlans(registry)).filter((each) => each.selfService).map((each) => each.key);
  throw errors.invalidRequest([{ path: 'plan', message: `must be one of ${open.join(', ')}` }]);
}

/** The default one may still be unknown: before the first worker has come up, a registration waits for it. */
function assertTemplate({ template }: TenantRequest, { templateId }: Admission): void {
  if (template === undefined || templateId !== undefined) return;
  throw errors.invalidRequest([{ path: 'template', message: `there is no template "${template}"` }]);
}

type Identification = { given: Owner; email: string; known: User | undefined };

/** A known address needs its own password, so that nobody adds tenants to somebody else's account. */
async function identifyOwner(
  needs: RequestTenantNeeds,
  { given, email, known: user }: Identification,
): Promise<IdentifiedOwner> {
  if (user === undefined) {
    const passwordHash = await needs.hashPassword(given.password);
    return { kind: 'new', email, name: given.name ?? null, passwordHash };
  }
  if (!(await needs.verifyPassword(user.passwordHash, given.password))) throw errors.emailTaken();
  return { kind: 'known', user };
}
