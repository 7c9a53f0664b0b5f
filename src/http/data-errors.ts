import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataError, type DataErrorBody } from '../data-api/data-error.ts';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { logError } from './error-handler.ts';
import { explainError } from './explain-error.ts';
import { problemHeaders, toProblem } from './problem.ts';

/** The only errors of `/api/data`: in PostgREST's shape, so that its client libraries understand them. */
export function answerDataError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body, headers } =
    thrown instanceof DataError ? told(thrown, request) : own(thrown, request);
  return reply
    .code(status)
    .headers({ 'x-request-id': request.id, ...headers })
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(body));
}

type Told = { status: number; body: DataErrorBody; headers: Record<string, string> };

/** What the tenant's database said is no fault of the system: it is told, and not logged as one. */
function told(error: DataError, request: FastifyRequest): Told {
  // Its own code may be any that a tenant's function raises.
  request.errorCode = 'data_error';
  request.log.debug({ err: error, status: error.status }, error.message);
  const retry: Record<string, string> = error.status === 503 ? { 'retry-after': '2' } : {};
  return { status: error.status, body: error.body, headers: retry };
}

function own(thrown: unknown, request: FastifyRequest): Told {
  const error = explainError(thrown);
  logError(request, error);
  const problem = toProblem(error, { publicUrl: '', path: '', requestId: request.id });
  return {
    status: problem.status,
    body: { code: problem.code, message: problem.detail, details: null, hint: null },
    headers: problemHeaders(error instanceof AppError ? error : errors.internal()),
  };
}
