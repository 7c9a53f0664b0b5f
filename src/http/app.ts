import cors from '@fastify/cors';
import { type FastifyInstance, type FastifyPluginAsync, fastify } from 'fastify';
import { type FastifyPluginAsyncZod, serializerCompiler } from 'fastify-type-provider-zod';
import type { Logger } from '../telemetry/logger.ts';
import type { AppSettings } from './app-settings.ts';
import { answerUnknownRoutes, createErrorHandler } from './error-handler.ts';
import { requireAccessPolicy } from './plugins/access-policy.ts';
import { type AuthenticateNeeds, authenticate } from './plugins/authenticate.ts';
import { addClosingSignal } from './plugins/closing-signal.ts';
import { type ObserveRequest, observeRequests } from './plugins/observe-requests.ts';
import { describeApi } from './plugins/openapi.ts';
import { addRequestContext } from './plugins/request-context.ts';
import { setSecurityHeaders } from './plugins/security-headers.ts';
import { takeTurns } from './plugins/turns.ts';
import { refuseUnreadBodies } from './plugins/unread-bodies.ts';
import { createRouteTable } from './route-table.ts';
import { validatorCompiler } from './schema-compilers.ts';
import { serverOptions } from './server-options.ts';

export type AppNeeds = {
  log: Logger;
  settings: AppSettings;
  authentication: AuthenticateNeeds;
  /** Told of every answered request. */
  observe?: ObserveRequest | undefined;
  /** What else belongs to every route, in this order: `(app) => obeyIdempotencyKeys(app, …)` and the like. */
  plugins: readonly ((app: App) => void)[];
  /** The endpoint groups, each made by the factory of its file in routes/. */
  routes: readonly FastifyPluginAsyncZod[];
};

export type App = FastifyInstance;

/** Builds the API without listening, so that tests inject requests into the very same thing. */
export async function createApp(needs: AppNeeds): Promise<App> {
  const { log, settings, authentication, plugins, routes } = needs;
  const answerError = createErrorHandler(settings.publicUrl);
  const app: App = fastify(serverOptions({ log, settings, answerError }));
  requireAccessPolicy(app);
  const routeTable = createRouteTable(app);
  app.decorate('routeTable', routeTable);
  app.setErrorHandler(answerError);
  takeTurns(app);
  addRequestContext(app);
  if (needs.observe !== undefined) observeRequests(app, needs.observe);
  addClosingSignal(app);
  acceptJsonOnly(app);
  setSecurityHeaders(app);
  await app.register(cors, corsOptions(settings));
  // After CORS, so that a browser may read why it was refused.
  authenticate(app, authentication);
  for (const add of plugins) add(app);
  refuseUnreadBodies(app);
  await describeApi(app, settings.publicUrl);
  await app.register(apiScope(routes));
  answerUnknownRoutes(app, routeTable);
  return app;
}

/** The zod compilers hold in this scope only: what plugins bring has JSON schemas. */
function apiScope(routes: AppNeeds['routes']): FastifyPluginAsync {
  return async (api) => {
    api.setValidatorCompiler(validatorCompiler);
    api.setSerializerCompiler(serializerCompiler);
    for (const route of routes) await api.register(route);
  };
}

function corsOptions({ allowedOrigins }: AppSettings) {
  const isAny = allowedOrigins.includes('*');
  return {
    origin: isAny ? '*' : allowedOrigins.length > 0 && [...allowedOrigins],
    // Never together with `*`: any page could then act with what the browser knows.
    credentials: !isAny,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      'Content-Range',
      'Idempotency-Replayed',
      'Location',
      'Preference-Applied',
      'RateLimit',
      'RateLimit-Policy',
      'Retry-After',
      'X-Request-Id',
    ],
    maxAge: 600,
    strictPreflight: false,
  };
}

/** Fastify's own parser refuses `__proto__`; an empty body is none at all, as clients send it with actions. */
function acceptJsonOnly(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body.toString(), done);
  });
}
