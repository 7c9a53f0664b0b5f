import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { emailSchema } from '../../identity/email.ts';
import type { Identity } from '../../identity/identity.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { listMembers, type Member } from '../../registry/repositories/members.ts';
import { actorOf } from '../caller.ts';
import { cutPage, decodeCursor } from '../list-cursor.ts';
import { requireTenantMember } from '../require-member.ts';
import { pageQuery, password, personName, success, successPage, timestamp, uuid } from '../schemas.ts';

export type TenantMemberRoutesNeeds = {
  database: RegistryDatabase;
  identity: Pick<Identity, 'addMember' | 'changeRole' | 'removeMember'>;
};

const role = z.enum(['ADMIN', 'USER']);
const memberAnswer = z.object({
  id: uuid,
  email: z.string(),
  name: z.string().nullable(),
  role,
  created_at: timestamp,
});
/** Without the name, which tells whether the person had an account before. */
const addedAnswer = memberAnswer.omit({ name: true });

/** The password is asked for always: were it not, its absence would tell whether the address is known. */
const newMemberBody = z.strictObject({ email: emailSchema, password, name: personName.optional(), role });
/** Lower case, since the registry answers so, and ids are compared as text. */
const params = z.strictObject({ id: uuid.toLowerCase() });

const tags = ['tenant'];
const config = { access: 'tenant-admin' } as const;

/** The members of a tenant, for its ADMINs. */
export function tenantMemberRoutes(needs: TenantMemberRoutesNeeds): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(listRoute(needs));
    await app.register(addRoute(needs));
    await app.register(changeRoutes(needs));
  };
}

function listRoute({ database }: TenantMemberRoutesNeeds): FastifyPluginAsyncZod {
  const querystring = z.strictObject(pageQuery);
  const summary = 'Members, by address';
  const schema = { tags, summary, querystring, response: { 200: successPage(memberAnswer) } };
  return async (app) => {
    app.get('/api/tenant/users', { schema, config }, async (request) => {
      const { tenantId } = requireTenantMember(request.caller);
      const { limit, cursor } = request.query;
      const afterEmail = decodeCursor(cursor, z.string().max(300));
      const rows = await listMembers(database, tenantId, { afterEmail, limit: limit + 1 });
      const { items, page } = cutPage(rows, limit, ({ email }) => email);
      return { success: true as const, data: items.map(toAnswer), page };
    });
  };
}

function addRoute({ identity }: TenantMemberRoutesNeeds): FastifyPluginAsyncZod {
  const summary = 'Add a member; takes a seat. Who has an account already keeps their own password and name';
  const schema = { tags, summary, body: newMemberBody, response: { 201: success(addedAnswer) } };
  return async (app) => {
    app.post(
      '/api/tenant/users',
      { schema, config: { ...config, idempotent: true } },
      async (request, reply) => {
        const { tenantId } = requireTenantMember(request.caller);
        const { name: _name, ...data } = toAnswer(
          await identity.addMember({ tenantId, ...request.body, actor: actorOf(request.caller) }),
        );
        return reply.code(201).send({ success: true, data });
      },
    );
  };
}

function changeRoutes({ identity }: TenantMemberRoutesNeeds): FastifyPluginAsyncZod {
  const body = z.strictObject({ role });
  const response = { 200: success(memberAnswer) };
  const roleSchema = { tags, summary: 'Change the role of a member', params, body, response };
  const removeSchema = { tags, summary: 'Remove a member', params, response: { 204: z.null() } };
  return async (app) => {
    app.patch('/api/tenant/users/:id', { schema: roleSchema, config }, async (request) => {
      const { tenantId } = requireTenantMember(request.caller);
      const key = { tenantId, userId: request.params.id };
      const { role } = request.body;
      const member = await identity.changeRole({ key, role, actor: actorOf(request.caller) });
      return { success: true as const, data: toAnswer(member) };
    });

    app.delete('/api/tenant/users/:id', { schema: removeSchema, config }, async (request, reply) => {
      const { tenantId } = requireTenantMember(request.caller);
      const key = { tenantId, userId: request.params.id };
      await identity.removeMember({ key, actor: actorOf(request.caller) });
      return reply.code(204).send(null);
    });
  };
}

const toAnswer = ({ userId, email, name, role, createdAt }: Member) => ({
  id: userId,
  email,
  name,
  role,
  created_at: createdAt.toISOString(),
});
