import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errors } from '../../errors/catalogue.ts';
import type { TenantLifecycle } from '../../provisioning/tenant-lifecycle.ts';
import type { ChangeRequest } from '../../provisioning/tenant-transition.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import type { TenantSummary } from '../../registry/repositories/tenant-list.ts';
import { actorOf } from '../caller.ts';
import { runStarted, type StartedRun, startRunAnswer } from '../run-answers.ts';
import { type RunWaitingNeeds, waitAsPreferred } from '../run-waiting.ts';
import { humanText, success } from '../schemas.ts';
import { tenantDetail, toTenantDetail } from '../tenant-answer.ts';
import { tenantAt, tenantParams } from '../tenant-at.ts';

export type AdminTenantLifecycleNeeds = RunWaitingNeeds & {
  registry: RegistryDatabase;
  lifecycle: TenantLifecycle;
};

const reasonBody = z.strictObject({ reason: humanText(1, 1_000).optional() }).nullish();
const deleteQuery = z.strictObject({
  grace_days: z
    .string()
    .regex(/^[0-9]{1,4}$/, 'must be a number of days')
    .transform(Number)
    .default(30),
  purge: z.stringbool().default(false),
  confirm: z.string().max(100).optional(),
});
const changed = success(tenantDetail);
const config = { access: 'operator' } as const;
const tags = ['Admin'];

type Api = Parameters<FastifyPluginAsyncZod>[0];

/** What operators do to a tenant's state. */
export function adminTenantLifecycleRoutes(needs: AdminTenantLifecycleNeeds): FastifyPluginAsyncZod {
  const { suspendTenant, activateTenant, undeleteTenant, putIntoMaintenance, makeReadOnly } = needs.lifecycle;
  return async (api) => {
    addStateChange(api, needs, { action: 'suspend', change: suspendTenant });
    addStateChange(api, needs, { action: 'activate', change: activateTenant });
    addStateChange(api, needs, { action: 'maintenance', change: putIntoMaintenance });
    addStateChange(api, needs, { action: 'read-only', change: makeReadOnly });
    addStateChange(api, needs, { action: 'undelete', change: undeleteTenant });
    addRetry(api, needs);
    addCancellation(api, needs);
    addDeletion(api, needs);
  };
}

const summaries = {
  suspend: 'Refuse all requests of a tenant and close its connections',
  activate: 'Answer the requests of a tenant again, reads and writes',
  maintenance: 'Refuse the requests of a tenant for a while, with 503 and Retry-After',
  'read-only': 'Answer the reads of a tenant and refuse its writes',
  undelete: 'Take a deletion back: the tenant is what it was before',
};
type StateChange = { action: keyof typeof summaries; change: TenantLifecycle['suspendTenant'] };

/** A change that is done when it is answered. */
function addStateChange(
  api: Api,
  { registry }: AdminTenantLifecycleNeeds,
  { action, change }: StateChange,
): void {
  const schema = {
    tags,
    summary: summaries[action],
    params: tenantParams,
    body: reasonBody,
    response: { 200: changed },
  };
  api.post(`/api/admin/tenants/:id/${action}`, { config, schema }, async (request) => {
    const { id } = await tenantAt(registry, request.params.id);
    await change(id, changeRequest(request, request.body?.reason));
    return { success: true as const, data: toTenantDetail(await tenantAt(registry, id)) };
  });
}

function addRetry(api: Api, needs: AdminTenantLifecycleNeeds): void {
  const schema = {
    tags,
    summary: 'Start anew what failed: the making of the database, or its purge',
    params: tenantParams,
    body: reasonBody,
    response: { 200: changed, 202: runStarted },
  };
  api.post('/api/admin/tenants/:id/retry', { config, schema }, async (request, reply) => {
    const tenant = await tenantAt(needs.registry, request.params.id);
    const asked = changeRequest(request, request.body?.reason);
    const { runId } = await needs.lifecycle.retryTenant(tenant.id, asked);
    return answerRun(needs, { request, reply }, { tenant, runId, work: 'Provisioning' });
  });
}

function addCancellation(api: Api, needs: AdminTenantLifecycleNeeds): void {
  const schema = {
    tags,
    summary: 'Stop making a tenant and take everything back; of a failed one, free its slug',
    params: tenantParams,
    body: reasonBody,
    response: { 200: changed, 202: runStarted },
  };
  api.post('/api/admin/tenants/:id/cancel', { config, schema }, async (request, reply) => {
    const tenant = await tenantAt(needs.registry, request.params.id);
    const asked = changeRequest(request, request.body?.reason);
    const { runId } = await needs.lifecycle.cancelTenant(tenant.id, asked);
    return answerRun(needs, { request, reply }, { tenant, runId, work: 'Cancellation' });
  });
}

function addDeletion(api: Api, needs: AdminTenantLifecycleNeeds): void {
  const { registry, lifecycle } = needs;
  const schema = {
    tags,
    summary: 'Delete a tenant: kept for grace_days, or destroyed with purge=true&confirm=<slug>',
    params: tenantParams,
    querystring: deleteQuery,
    body: reasonBody,
    response: { 200: changed, 202: runStarted },
  };
  api.delete('/api/admin/tenants/:id', { config, schema }, async (request, reply) => {
    const tenant = await tenantAt(registry, request.params.id);
    const { purge, confirm, grace_days: graceDays } = request.query;
    const asked = changeRequest(request, request.body?.reason);
    if (!purge) {
      await lifecycle.deleteTenant(tenant.id, { ...asked, graceDays });
      return { success: true as const, data: toTenantDetail(await tenantAt(registry, tenant.id)) };
    }
    if (confirm !== tenant.slug) throw errors.confirmationRequired(tenant.slug);
    const { runId } = await lifecycle.purgeTenant(tenant.id, asked);
    return answerRun(needs, { request, reply }, { tenant, runId, work: 'Purge' });
  });
}

function changeRequest(request: FastifyRequest, reason: string | undefined): ChangeRequest {
  return {
    actor: actorOf(request.caller),
    requestId: request.id,
    ...(reason !== undefined && { reason }),
  };
}

type AnsweredRun = {
  tenant: TenantSummary;
  runId: string | null;
  work: NonNullable<StartedRun['work']>;
};

/** 202 at once, unless the caller prefers to wait and it ends in time. */
async function answerRun(
  needs: AdminTenantLifecycleNeeds,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  { tenant, runId, work }: AnsweredRun,
) {
  if (runId === null) throw errors.internal();
  const progress = await waitAsPreferred(needs, { request, reply, runId, usualMs: 0 });
  const isDone =
    progress?.status === 'completed' || (work === 'Cancellation' && progress?.status === 'cancelled');
  if (isDone) {
    return { success: true as const, data: toTenantDetail(await tenantAt(needs.registry, tenant.id)) };
  }
  reply.code(202);
  return startRunAnswer(reply, { runId, tenantId: tenant.id, slug: tenant.slug, work }, progress);
}
