import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RequestedTenant } from '../../provisioning/tenant-request.ts';
import { runStarted, startRunAnswer } from '../run-answers.ts';
import { type RunWaitingNeeds, waitAsPreferred } from '../run-waiting.ts';
import { success, uuid } from '../schemas.ts';
import { organizationBody, type RequestOrganization, requestOrganization } from './registration.ts';

export type AdminTenantCreationNeeds = RequestOrganization &
  RunWaitingNeeds & {
    /** PROVISIONING_WAIT_MS. */
    usualWaitMs: number;
  };

const created = success(
  z.object({
    tenant_id: uuid,
    slug: z.string(),
    provisioning_id: uuid,
    user: z.object({ id: uuid, email: z.string(), role: z.literal('ADMIN'), email_verified: z.boolean() }),
  }),
);

/** An operator makes a tenant: the same steps as a registration, any plan, and no tokens of its owner. */
export function adminTenantCreationRoutes(needs: AdminTenantCreationNeeds): FastifyPluginAsyncZod {
  return async (api) => {
    api.post(
      '/api/admin/tenants',
      {
        config: { access: 'operator', idempotent: true },
        schema: {
          tags: ['Admin'],
          summary: 'Create a tenant',
          body: z.strictObject(organizationBody),
          response: { 201: created, 202: runStarted },
        },
      },
      async (request, reply) => {
        const accepted = await requestOrganization(needs, request, request.body);
        const { runId } = accepted;
        const progress = await waitAsPreferred(needs, { request, reply, runId, usualMs: needs.usualWaitMs });
        if (progress?.status !== 'completed') {
          return reply.code(202).send(startRunAnswer(reply, accepted, progress));
        }
        return reply
          .code(201)
          .header('location', `/api/admin/tenants/${accepted.tenantId}`)
          .send(toCreated(accepted));
      },
    );
  };
}

function toCreated({ tenantId, slug, runId, user }: RequestedTenant): z.infer<typeof created> {
  const owner = {
    id: user.id,
    email: user.email,
    role: 'ADMIN' as const,
    email_verified: user.emailVerified,
  };
  return {
    success: true,
    message: 'Tenant created',
    data: { tenant_id: tenantId, slug, provisioning_id: runId, user: owner },
  };
}
