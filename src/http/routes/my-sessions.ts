import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Identity } from '../../identity/identity.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import { listOpenSessions, type OpenSession } from '../../registry/repositories/sessions.ts';
import { cutPage, decodeCursor } from '../list-cursor.ts';
import { requireMember } from '../require-member.ts';
import { pageQuery, successPage, timestamp, uuid } from '../schemas.ts';

export type MySessionsRoutesNeeds = {
  database: RegistryDatabase;
  identity: Pick<Identity, 'endOwnSession' | 'endOtherSessions'>;
};

const sessionAnswer = z.object({
  id: uuid,
  tenant_key: z.string().nullable(),
  user_agent: z.string().nullable(),
  is_current: z.boolean(),
  created_at: timestamp,
  last_used_at: timestamp,
  expires_at: timestamp,
});

const tags = ['me'];
const config = { access: 'member' } as const;

/** Where a person is logged in, and how to end that. */
export function mySessionsRoutes(needs: MySessionsRoutesNeeds): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(listRoute(needs));
    await app.register(endRoutes(needs));
  };
}

function listRoute({ database }: MySessionsRoutesNeeds): FastifyPluginAsyncZod {
  const querystring = z.strictObject(pageQuery);
  const summary = 'Your open sessions, newest first';
  const schema = { tags, summary, querystring, response: { 200: successPage(sessionAnswer) } };
  return async (app) => {
    app.get('/api/me/sessions', { schema, config }, async (request) => {
      const { userId, sessionId } = requireMember(request.caller);
      const { limit, cursor } = request.query;
      const beforeId = decodeCursor(cursor, uuid);
      const rows = await listOpenSessions(database, userId, { beforeId, limit: limit + 1 });
      const { items, page } = cutPage(rows, limit, ({ id }) => id);
      const data = items.map((session) => toAnswer(session, sessionId));
      return { success: true as const, data, page };
    });
  };
}

function endRoutes({ identity }: MySessionsRoutesNeeds): FastifyPluginAsyncZod {
  const schema = { tags, response: { 204: z.null() } };
  const allSchema = { ...schema, summary: 'End all your sessions but this one' };
  const oneSchema = { ...schema, summary: 'End one of your sessions', params: z.strictObject({ id: uuid }) };
  return async (app) => {
    app.delete('/api/me/sessions', { schema: allSchema, config }, async (request, reply) => {
      const { userId, sessionId } = requireMember(request.caller);
      await identity.endOtherSessions(userId, sessionId);
      return reply.code(204).send(null);
    });

    app.delete('/api/me/sessions/:id', { schema: oneSchema, config }, async (request, reply) => {
      await identity.endOwnSession(requireMember(request.caller).userId, request.params.id);
      return reply.code(204).send(null);
    });
  };
}

const toAnswer = (session: OpenSession, currentId: string) => ({
  id: session.id,
  tenant_key: session.tenantKey,
  user_agent: session.userAgent,
  is_current: session.id === currentId,
  created_at: session.createdAt.toISOString(),
  last_used_at: session.lastUsedAt.toISOString(),
  expires_at: session.expiresAt.toISOString(),
});
