import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { runInContext } from '../telemetry/request-context.ts';
import { explainError } from './explain-error.ts';
import { problemHeaders, problemType, toProblem } from './problem.ts';
import type { RouteTable } from './route-table.ts';

/** Writes the one log line of an error: what the system did wrong as error, what a caller did as debug. */
export function logError(request: FastifyRequest, error: AppError): void {
  request.errorCode = error.code;
  const members = { err: error, method: request.method, route: request.routeOptions.url };
  // A URL that cannot be read has no hooks, so that its context was never set.
  runInContext(request.context ?? { requestId: request.id }, () => {
    if (error.status === 503) request.log.warn(members, error.message);
    else if (error.status >= 500) request.log.error(members, error.message);
    else request.log.debug(members, error.message);
  });
}

/** How errors are answered everywhere but in `/api/data`, whose scope sets another handler. */
export function createErrorHandler(publicUrl: string) {
  return function answerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = explainError(thrown);
    logError(request, error);
    return reply
      .code(error.status >= 500 && error.status !== 503 ? 500 : error.status)
      .headers({ 'x-request-id': request.id, ...problemHeaders(error) })
      .type(problemType)
      .send(
        JSON.stringify(toProblem(error, { publicUrl, path: pathOf(request.url), requestId: request.id })),
      );
  };
}

export type AnswerError = ReturnType<typeof createErrorHandler>;

/** 405 with `Allow` where only the method is wrong, else 404. */
export function answerUnknownRoutes(app: FastifyInstance, routes: RouteTable): void {
  app.setNotFoundHandler((request, reply) => {
    const methods = routes.methodsAt(pathOf(request.url));
    // Below /docs/static there is a route, and not every file.
    const isMethodWrong = methods.length > 0 && !methods.includes(request.method);
    if (!isMethodWrong || request.method === 'OPTIONS') throw errors.routeNotFound();
    const allowed = methods.join(', ');
    reply.header('allow', allowed);
    throw errors.methodNotAllowed(allowed);
  });
}

/** The path without its query, which may hold what nobody should read. */
function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '/';
}
