import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { emailSchema } from '../../identity/email.ts';
import type { Identity } from '../../identity/identity.ts';
import { clientAddress } from '../client-address.ts';
import { password, success, uuid } from '../schemas.ts';

export type SessionRoutesNeeds = {
  identity: Pick<Identity, 'login' | 'refresh' | 'logout' | 'verifyAccessToken'>;
  /** Where a tenant's database is; with the password of its application role only if asked for. */
  databaseUrlOf: (tenantId: string, withPassword: boolean) => Promise<string | null>;
  /** LOGIN_RETURNS_DATABASE_CREDENTIALS */
  givesDatabasePassword: boolean;
};

const loginBody = z.strictObject({
  email: emailSchema,
  password,
  tenant_key: z.string().min(1).max(40).optional(),
});

const refreshToken = z.string().min(1).max(500);
const refreshBody = z.strictObject({ refresh_token: refreshToken });
const logoutBody = z
  .strictObject({ refresh_token: refreshToken.optional(), all: z.boolean().optional() })
  .nullish();

const tokenPair = { access_token: z.string(), refresh_token: z.string(), expires_in: z.number().int() };
const loginAnswer = success(
  z.object({
    ...tokenPair,
    tenant_id: uuid.nullable(),
    database_url: z.string().nullable(),
    user: z.object({
      id: uuid,
      email: z.string(),
      role: z.enum(['USER', 'ADMIN', 'SUPER_ADMIN']),
      tenant_id: uuid.nullable(),
    }),
  }),
);

const tags = ['sessions'];

export function sessionRoutes(needs: SessionRoutesNeeds): FastifyPluginAsyncZod {
  return async (app) => {
    await app.register(loginRoute(needs));
    await app.register(refreshRoute(needs));
    await app.register(logoutRoute(needs));
  };
}

function loginRoute({
  identity,
  databaseUrlOf,
  givesDatabasePassword,
}: SessionRoutesNeeds): FastifyPluginAsyncZod {
  const schema = { tags, summary: 'Log in', body: loginBody, response: { 200: loginAnswer } };
  return async (app) => {
    app.post(
      '/api/auth/login',
      { schema, config: { access: 'anyone', inTurns: true } },
      async (request, reply) => {
        const { email, password, tenant_key: tenantKey } = request.body;
        const userAgent = request.headers['user-agent'];
        const { tenantId, role, user, ...tokens } = await identity.login({
          email,
          password,
          tenantKey,
          userAgent,
          address: clientAddress(request.ip),
        });
        const withPassword = givesDatabasePassword && role === 'ADMIN';
        const data = {
          access_token: tokens.accessToken,
          refresh_token: tokens.refreshToken,
          expires_in: tokens.expiresIn,
          tenant_id: tenantId,
          database_url: tenantId === null ? null : await databaseUrlOf(tenantId, withPassword),
          user: { id: user.id, email: user.email, role, tenant_id: tenantId },
        };
        return reply.header('cache-control', 'no-store').send({ success: true, data });
      },
    );
  };
}

function refreshRoute({ identity }: SessionRoutesNeeds): FastifyPluginAsyncZod {
  const schema = {
    tags,
    summary: 'Get new tokens; the presented one is used up',
    body: refreshBody,
    response: { 200: success(z.object(tokenPair)) },
  };
  return async (app) => {
    app.post('/api/auth/refresh', { schema, config: { access: 'anyone' } }, async (request, reply) => {
      const tokens = await identity.refresh(request.body.refresh_token);
      const data = {
        access_token: tokens.accessToken,
        refresh_token: tokens.refreshToken,
        expires_in: tokens.expiresIn,
      };
      return reply.header('cache-control', 'no-store').send({ success: true, data });
    });
  };
}

/** Open to anyone, since either token will do: the access token may be over when somebody leaves. */
function logoutRoute({ identity }: SessionRoutesNeeds): FastifyPluginAsyncZod {
  const schema = { tags, summary: 'Log out', body: logoutBody, response: { 204: z.null() } };
  return async (app) => {
    app.post('/api/auth/logout', { schema, config: { access: 'anyone' } }, async (request, reply) => {
      const { refresh_token: refreshToken, all } = request.body ?? {};
      const holder = await identity
        .verifyAccessToken(bearerOf(request.headers.authorization))
        .catch((error: unknown) => {
          if (refreshToken === undefined) throw error;
          return undefined;
        });
      await identity.logout({ holder, refreshToken, all });
      return reply.code(204).send(null);
    });
  };
}

function bearerOf(authorization: string | undefined): string {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
}
