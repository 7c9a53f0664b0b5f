import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Amendment, AmendTenant } from '../../provisioning/amend-tenant.ts';
import { rotatable } from '../../provisioning/rotate-credentials.ts';
import { publish } from '../../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../../registry/registry-database.ts';
import { recordAudit } from '../../registry/repositories/audit-log.ts';
import type { TaskRequests } from '../../tasks/request-task.ts';
import { actorOf } from '../caller.ts';
import { humanText, organizationName, plainText, success, timestamp, uuid } from '../schemas.ts';
import { answerTask, taskStarted } from '../task-answers.ts';
import { tenantDetail, toTenantDetail } from '../tenant-answer.ts';
import { tenantAt, tenantParams } from '../tenant-at.ts';

export type AdminTenantChangesNeeds = {
  registry: RegistryDatabase;
  amendTenant: AmendTenant;
  tasks: Pick<TaskRequests, 'requestTask' | 'waitForTask'>;
};

const reason = humanText(1, 1_000).optional();
const reasonBody = z.strictObject({ reason }).nullish();
const tag = humanText(1, 64);
const mostTags = 50;
const amendBody = z
  .strictObject({
    name: organizationName.optional(),
    plan: plainText.optional().meta({ examples: ['pro'] }),
    region: plainText.optional().meta({ description: 'Recorded; the database stays where it is.' }),
    tags: z
      .array(tag)
      .max(mostTags, `must have at most ${mostTags} tags`)
      .refine((tags) => new Set(tags).size === tags.length, 'must not have a tag twice')
      .optional()
      .meta({ description: 'All of them: what is left out is gone.' }),
    reason,
  })
  .refine(({ reason: _, ...rest }) => Object.keys(rest).length > 0, 'must name something to change');
const cleared = success(z.object({ cleared: z.enum(['tenant', 'all']) }));
const rotated = success(z.object({ tenant_id: uuid, slug: z.string(), rotated_at: timestamp }));
const config = { access: 'operator' } as const;
const tags = ['Admin'];

type Api = Parameters<FastifyPluginAsyncZod>[0];

/** What operators change of a tenant beside its state. */
export function adminTenantChangesRoutes(needs: AdminTenantChangesNeeds): FastifyPluginAsyncZod {
  return async (api) => {
    addAmendment(api, needs);
    addRotation(api, needs);
    addClearing(api, needs);
  };
}

function addAmendment(api: Api, { registry, amendTenant }: AdminTenantChangesNeeds): void {
  const summary = 'Change name, plan, region or tags of a tenant';
  const schema = {
    tags,
    summary,
    params: tenantParams,
    body: amendBody,
    response: { 200: success(tenantDetail) },
  };
  api.patch('/api/admin/tenants/:id', { config, schema }, async (request) => {
    const { id } = await tenantAt(registry, request.params.id);
    const { reason: why, ...amendment } = request.body;
    const asked = { ...askerOf(request), ...(why !== undefined && { reason: why }) };
    await amendTenant(id, amendment as Amendment, asked);
    return { success: true as const, data: toTenantDetail(await tenantAt(registry, id)) };
  });
}

function addRotation(api: Api, { registry, tasks }: AdminTenantChangesNeeds): void {
  const schema = {
    tags,
    summary: 'Give both roles of a tenant new passwords; no request is refused meanwhile',
    params: tenantParams,
    body: reasonBody,
    response: { 200: rotated, 202: taskStarted },
  };
  const route = '/api/admin/tenants/:id/rotate-credentials';
  api.post(route, { config, schema }, async (request, reply) => {
    const { id } = await tenantAt(registry, request.params.id);
    await rotatable(registry, id);
    const { actor, requestId } = askerOf(request);
    const why = request.body?.reason;
    const taskId = await tasks.requestTask({
      kind: 'tenant.rotate-credentials',
      parameters: { tenant_id: id, actor, ...(why !== undefined && { reason: why }) },
      actor,
      requestId,
    });
    return answerTask(tasks, { request, reply, taskId }, (result) => rotated.shape.data.parse(result));
  });
}

function addClearing(api: Api, { registry }: AdminTenantChangesNeeds): void {
  const one = {
    tags,
    summary: 'Make all processes forget what they know of a tenant, and look again',
    params: tenantParams,
    body: reasonBody,
    response: { 200: cleared },
  };
  api.post('/api/admin/tenants/:id/clear-cache', { config, schema: one }, async (request) => {
    const { id: tenantId, slug } = await tenantAt(registry, request.params.id);
    await registry.transaction().execute(async (trx) => {
      await publish(trx, { kind: 'tenant.changed', tenantId, slug });
      await auditClearing(trx, request, { tenantId });
    });
    return { success: true as const, data: { cleared: 'tenant' as const } };
  });

  const summary = 'Make all processes forget what they know of tenants, and look again';
  const all = { tags, summary, body: reasonBody, response: { 200: cleared } };
  api.post('/api/admin/caches/clear', { config, schema: all }, async (request) => {
    await registry.transaction().execute(async (trx) => {
      await publish(trx, { kind: 'caches.cleared' });
      await auditClearing(trx, request, {});
    });
    return { success: true as const, data: { cleared: 'all' as const } };
  });
}

type ReasonGiven = { body?: { reason?: string | undefined } | null | undefined };

function auditClearing(
  trx: RegistryTransaction,
  request: Pick<FastifyRequest, 'caller' | 'id'> & ReasonGiven,
  about: { tenantId?: string },
): Promise<void> {
  const why = request.body?.reason;
  return recordAudit(trx, {
    ...askerOf(request),
    action: 'cache.cleared',
    ...about,
    ...(why !== undefined && { after: { reason: why } }),
  });
}

const askerOf = (request: Pick<FastifyRequest, 'caller' | 'id'>) => ({
  actor: actorOf(request.caller),
  requestId: request.id,
});
