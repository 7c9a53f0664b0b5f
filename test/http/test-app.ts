import { Writable } from 'node:stream';
import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { errors } from '../../src/errors/catalogue.ts';
import { createAdminKey } from '../../src/http/admin-key.ts';
import { type App, type AppNeeds, createApp } from '../../src/http/app.ts';
import type { MemberClaims } from '../../src/http/caller.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

export const adminKey = 'the-admin-key-of-these-tests';

export const user: MemberClaims = {
  userId: '0199a0aa-0000-7000-8000-000000000001',
  tenantId: '0199a0aa-0000-7000-8000-000000000002',
  tenantKey: 'acme-corp',
  role: 'USER',
  sessionId: '0199a0aa-0000-7000-8000-000000000003',
};

/** Tokens of these tests, named by who they are for. */
const tokens: Record<string, MemberClaims> = {
  user,
  admin: { ...user, role: 'ADMIN' },
  'eyJsuper.admin.token': { ...user, role: 'SUPER_ADMIN', tenantId: null, tenantKey: null },
  'eyJuser.of.tenant': user,
};

export type TestApp = { app: App; logged: Record<string, unknown>[] };

type TestAppOptions = Partial<Omit<AppNeeds, 'routes' | 'settings'>> & {
  settings?: Partial<AppNeeds['settings']>;
};

/** The API with these routes, tokens that are names, and its log lines kept. */
export async function createTestApp(
  routes: readonly FastifyPluginAsyncZod[],
  { settings = {}, ...needs }: TestAppOptions = {},
): Promise<TestApp> {
  const logged: Record<string, unknown>[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      logged.push(JSON.parse(String(chunk)));
      done();
    },
  });
  const app = await createApp({
    log: createLogger({ level: 'debug', service: 'test', destination }),
    settings: { publicUrl: 'https://tm.example', allowedOrigins: [], trustedProxies: [], ...settings },
    authentication: { verifyAccessToken, adminKey: createAdminKey(adminKey) },
    plugins: [],
    routes,
    ...needs,
  });
  return { app, logged };
}

/** Sends a request without a socket. */
export function inject(app: App, request: InjectOptions | string): Promise<LightMyRequestResponse> {
  return app.inject(request);
}

/** Opens a free port. @returns the base URL. */
export function listen(app: App): Promise<string> {
  return app.listen({ port: 0, host: '127.0.0.1' });
}

async function verifyAccessToken(token: string): Promise<MemberClaims> {
  const claims = tokens[token];
  if (claims === undefined) throw errors.notAuthenticated();
  return claims;
}
