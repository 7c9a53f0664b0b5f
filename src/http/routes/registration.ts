import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { emailSchema } from '../../identity/email.ts';
import type { RequestedTenant, TenantRequest } from '../../provisioning/tenant-request.ts';
import { actorOf } from '../caller.ts';
import { runStarted, startRunAnswer } from '../run-answers.ts';
import { type RunWaitingNeeds, waitAsPreferred } from '../run-waiting.ts';
import { organizationName, password, personName, plainText, success, uuid } from '../schemas.ts';

export const organizationBody = {
  organization_name: organizationName,
  admin_email: emailSchema.meta({ examples: ['admin@acme.com'] }),
  admin_password: password,
  admin_name: personName.optional(),
  slug: z
    .string()
    .max(100)
    .optional()
    .meta({ examples: ['acme-corp'] }),
  plan: plainText
    .max(40)
    .optional()
    .meta({ examples: ['pro'] }),
  template: plainText.max(100).optional(),
  region: plainText.max(100).optional(),
};
const body = z.strictObject(organizationBody);
export type OrganizationBody = z.infer<typeof body>;

const registered = success(
  z.object({
    tenant_id: uuid,
    slug: z.string(),
    access_token: z.string(),
    refresh_token: z.string(),
    expires_in: z.number().int(),
    provisioning_id: uuid,
    user: z.object({
      id: uuid,
      email: z.string(),
      role: z.literal('ADMIN'),
      email_verified: z.boolean(),
    }),
  }),
);

export type RequestOrganization = {
  requestTenant: (request: TenantRequest) => Promise<RequestedTenant>;
  /** @throws invalid_request */
  assertAcceptablePassword: (
    password: string,
    context: { path: string; notEqualTo: readonly string[] },
  ) => void;
  defaultPlan: string;
};

type Tokens = { accessToken: string; refreshToken: string; expiresIn: number };

export type RegistrationNeeds = RequestOrganization &
  RunWaitingNeeds & {
    startSession: (start: {
      userId: string;
      tenantId: string;
      userAgent?: string | undefined;
    }) => Promise<Tokens>;
    /** PROVISIONING_WAIT_MS. */
    usualWaitMs: number;
  };

/** An organization signs up and gets its own database. */
export function registrationRoutes(needs: RegistrationNeeds): FastifyPluginAsyncZod {
  return async (api) => {
    api.post(
      '/api/auth/register-organization',
      {
        config: { access: 'anyone', idempotent: true, inTurns: true },
        schema: {
          tags: ['Registration'],
          summary: 'Register an organization',
          body,
          response: { 201: registered, 202: runStarted },
        },
      },
      async (request, reply) => {
        const accepted = await requestOrganization(needs, request, request.body);
        const { runId } = accepted;
        const progress = await waitAsPreferred(needs, { request, reply, runId, usualMs: needs.usualWaitMs });
        if (progress?.status !== 'completed') {
          return reply.code(202).send(startRunAnswer(reply, accepted, progress));
        }
        return reply.code(201).send(await welcome(needs, request, accepted));
      },
    );
  };
}

/** Checks what the schema cannot, and asks for the tenant on the caller's behalf. */
export function requestOrganization(
  needs: RequestOrganization,
  request: Pick<FastifyRequest, 'caller' | 'id' | 'idempotency'>,
  given: OrganizationBody,
): Promise<RequestedTenant> {
  const { organization_name: organizationName, admin_email: email, admin_password: plain } = given;
  needs.assertAcceptablePassword(plain, {
    path: 'admin_password',
    notEqualTo: [email, organizationName],
  });
  return needs.requestTenant({
    organizationName,
    plan: given.plan ?? needs.defaultPlan,
    owner: { email, password: plain, ...(given.admin_name !== undefined && { name: given.admin_name }) },
    ...(given.slug !== undefined && { slug: given.slug }),
    ...(given.region !== undefined && { region: given.region }),
    ...(given.template !== undefined && { template: given.template }),
    ...(request.idempotency !== undefined && { idempotency: request.idempotency }),
    actor: actorOf(request.caller),
    requestId: request.id,
  });
}

async function welcome(
  { startSession }: RegistrationNeeds,
  request: FastifyRequest,
  { tenantId, slug, runId, user }: RequestedTenant,
): Promise<z.infer<typeof registered>> {
  const tokens = await startSession({
    userId: user.id,
    tenantId,
    userAgent: request.headers['user-agent'],
  });
  return {
    success: true,
    message: 'Organization registered successfully',
    data: {
      tenant_id: tenantId,
      slug,
      access_token: tokens.accessToken,
      refresh_token: tokens.refreshToken,
      expires_in: tokens.expiresIn,
      provisioning_id: runId,
      user: { id: user.id, email: user.email, role: 'ADMIN', email_verified: user.emailVerified },
    },
  };
}
