import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import pLimit from 'p-limit';
import { z } from 'zod';
import { AppError, type FieldProblem } from '../../errors/app-error.ts';
import { errors } from '../../errors/catalogue.ts';
import type { RequestedTenant } from '../../provisioning/tenant-request.ts';
import type { ClaimItem } from '../item-claims.ts';
import { fieldProblems } from '../schema-compilers.ts';
import { success, uuid } from '../schemas.ts';
import { organizationBody, type RequestOrganization, requestOrganization } from './registration.ts';

export type AdminTenantBulkNeeds = RequestOrganization & { claimItem: ClaimItem };

const mostTenants = 1_000;
/** Each hashes a password, which takes most of its time. */
const atOnce = 4;
const item = z.strictObject(organizationBody);
const body = z.strictObject({
  tenants: z
    .array(z.unknown())
    .min(1, 'must have at least one tenant')
    .max(mostTenants, `must have at most ${mostTenants} tenants`)
    .meta({ description: 'Each as in the body of POST /api/admin/tenants.' }),
});
const outcome = z.discriminatedUnion('outcome', [
  z.object({
    index: z.number().int(),
    outcome: z.literal('accepted'),
    tenant_id: uuid,
    slug: z.string(),
    provisioning_id: uuid,
  }),
  z.object({
    index: z.number().int(),
    outcome: z.literal('refused'),
    error: z.object({
      code: z.string(),
      message: z.string(),
      errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    }),
  }),
]);
type Outcome = z.infer<typeof outcome>;
const answer = success(
  z.object({ accepted: z.number().int(), refused: z.number().int(), results: z.array(outcome) }),
);

/** Many tenants at once; what is wrong with one of them concerns no other. */
export function adminTenantBulkRoutes(needs: AdminTenantBulkNeeds): FastifyPluginAsyncZod {
  const config = { access: 'operator', idempotent: true } as const;
  const schema = {
    tags: ['Admin'],
    summary: `Create up to ${mostTenants} tenants, each with an outcome of its own; none is waited for`,
    body,
    response: { 200: answer },
  };
  return async (api) => {
    api.post('/api/admin/tenants/bulk', { config, schema }, async (request) => {
      const limit = pLimit(atOnce);
      const results = await Promise.all(
        request.body.tenants.map((content, index) =>
          limit(() => requestOne(needs, request, { content, index })),
        ),
      );
      const accepted = results.filter((each) => each.outcome === 'accepted').length;
      return { success: true as const, data: { accepted, refused: results.length - accepted, results } };
    });
  };
}

type Item = { content: unknown; index: number };

async function requestOne(
  needs: AdminTenantBulkNeeds,
  request: FastifyRequest,
  each: Item,
): Promise<Outcome> {
  const { index, content } = each;
  const given = item.safeParse(content);
  if (!given.success) return refused(index, errors.invalidRequest(fieldProblems(given.error)));
  const { caller, id, idempotency } = request;
  try {
    const claim = idempotency && (await needs.claimItem(idempotency, each));
    return accepted(index, await requestOrganization(needs, { caller, id, idempotency: claim }, given.data));
  } catch (error) {
    if (error instanceof AppError && concernsItAlone(error)) return refused(index, error);
    throw error;
  }
}

/** Of what is wrong with the platform the whole request tells: repeated under its key, it makes what is missing. */
function concernsItAlone({ status, code }: AppError): boolean {
  if (code === errors.fenced.definition.code) return false;
  return status < 500 || code === errors.registrationsFull.definition.code;
}

function accepted(index: number, { tenantId, slug, runId }: RequestedTenant): Outcome {
  return { index, outcome: 'accepted', tenant_id: tenantId, slug, provisioning_id: runId };
}

function refused(index: number, { code, message, problems }: AppError): Outcome {
  const found: FieldProblem[] = [...problems];
  return {
    index,
    outcome: 'refused',
    error: { code, message, ...(found.length > 0 && { errors: found }) },
  };
}
