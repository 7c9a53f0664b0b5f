import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errors } from '../../errors/catalogue.ts';
import type { Identity } from '../../identity/identity.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { listMemberships } from '../../registry/repositories/members.ts';
import { findUserById } from '../../registry/repositories/users.ts';
import type { Member } from '../caller.ts';
import { requireMember } from '../require-member.ts';
import { password, personName, success, timestamp, uuid } from '../schemas.ts';

export type MeRoutesNeeds = {
  database: RegistryDatabase;
  identity: Pick<Identity, 'changeOwnName' | 'changePassword'>;
};

const selfAnswer = success(
  z.object({
    id: uuid,
    email: z.string(),
    name: z.string().nullable(),
    email_verified: z.boolean(),
    role: z.enum(['USER', 'ADMIN', 'SUPER_ADMIN']),
    tenant_id: uuid.nullable(),
    tenant_key: z.string().nullable(),
    tenants: z.array(
      z.object({
        id: uuid,
        tenant_key: z.string(),
        name: z.string(),
        status: z.string(),
        role: z.enum(['USER', 'ADMIN']),
      }),
    ),
    created_at: timestamp,
    last_login_at: timestamp.nullable(),
  }),
);

const tags = ['me'];
const config = { access: 'member' } as const;

/** What people see and change about themselves. */
export function meRoutes(needs: MeRoutesNeeds): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(selfRoutes(needs));
    await app.register(passwordRoute(needs));
  };
}

function selfRoutes({ database, identity }: MeRoutesNeeds): FastifyPluginAsyncZod {
  const response = { 200: selfAnswer };
  const readSchema = { tags, summary: 'Who you are', response };
  const changeSchema = {
    ...readSchema,
    summary: 'Change your name',
    body: z.strictObject({ name: personName }),
  };
  return async (app) => {
    app.get('/api/me', { schema: readSchema, config }, async (request) => {
      return { success: true as const, data: await describeSelf(database, requireMember(request.caller)) };
    });

    app.patch('/api/me', { schema: changeSchema, config }, async (request) => {
      const caller = requireMember(request.caller);
      await identity.changeOwnName(caller, request.body.name);
      return { success: true as const, data: await describeSelf(database, caller) };
    });
  };
}

function passwordRoute({ identity }: MeRoutesNeeds): FastifyPluginAsyncZod {
  const body = z.strictObject({ current_password: password, new_password: password });
  const summary = 'Change your password; all other sessions end';
  const schema = { tags, summary, body, response: { 204: z.null() } };
  return async (app) => {
    app.post('/api/me/change-password', { schema, config }, async (request, reply) => {
      await identity.changePassword(requireMember(request.caller), {
        currentPassword: request.body.current_password,
        newPassword: request.body.new_password,
      });
      return reply.code(204).send(null);
    });
  };
}

async function describeSelf(database: RegistryDatabase, caller: Member) {
  const user = await findUserById(database, caller.userId);
  if (user === undefined) throw errors.notAuthenticated();
  const memberships = await listMemberships(database, caller.userId);
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    email_verified: user.emailVerifiedAt !== null,
    role: caller.role,
    tenant_id: caller.tenantId,
    tenant_key: caller.tenantKey,
    tenants: memberships.map(({ tenantId, slug, name, status, role }) => ({
      id: tenantId,
      tenant_key: slug,
      name,
      status,
      role,
    })),
    created_at: user.createdAt.toISOString(),
    last_login_at: user.lastLoginAt?.toISOString() ?? null,
  };
}
