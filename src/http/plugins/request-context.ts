import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type RequestContext, runInContext } from '../../telemetry/request-context.ts';

const saneToken = /^[A-Za-z0-9._-]{1,100}$/;

/** The caller's X-Request-Id if it may be written into a log as it is, else a new one. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && saneToken.test(given) ? given : randomUUID();
}

declare module 'fastify' {
  interface FastifyRequest {
    /** What log lines of this request carry; undefined only where a URL could not be read. */
    context: RequestContext | undefined;
  }
}

/** Puts the request's id into its answer and into every log line that is written on its behalf. */
export function addRequestContext(app: FastifyInstance): void {
  app.decorateRequest('context');
  app.addHook('onRequest', (request, reply, done) => {
    request.context = { requestId: request.id };
    reply.header('x-request-id', request.id);
    runInContext(request.context, done);
  });
  // Reading a body leaves the asynchronous context, as its events belong to the connection.
  app.addHook('preValidation', (request, _reply, done) => runInContext(contextOf(request), done));
  app.addHook('onResponse', (request, reply, done) => {
    const { method } = request;
    const members = {
      method,
      route: request.routeOptions.url,
      status: reply.statusCode,
      duration_ms: Math.round(reply.elapsedTime),
    };
    runInContext(contextOf(request), () => request.log.debug(members, 'Request answered'));
    done();
  });
}

/** The tenant is known once the caller is. */
function contextOf(request: FastifyRequest): RequestContext {
  const { caller, id: requestId } = request;
  const tenantId = caller?.kind === 'member' ? caller.tenantId : null;
  return tenantId === null ? { requestId } : { requestId, tenantId };
}
