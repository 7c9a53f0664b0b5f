import { METHODS } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** An answered request in words of which there are few: never a path or an id. */
export type AnsweredRequest = {
  method: string;
  /** The template, such as `/api/data/:table`; `unknown` where nothing is at the address. */
  route: string;
  /** 499 when the caller went away before the end of the answer. */
  status: number;
  /** Of the error, if it was answered by one. */
  code: string | undefined;
  seconds: number;
};

export type ObserveRequest = (answered: AnsweredRequest) => void;

declare module 'fastify' {
  interface FastifyRequest {
    /** The code of the error that was answered; of the catalogue, or `data_error`. */
    errorCode: string | undefined;
  }
}

/** Tells of every request to which hooks apply; that excludes those whose URL cannot be read. */
export function observeRequests(app: FastifyInstance, observe: ObserveRequest): void {
  app.decorateRequest('errorCode');
  app.addHook('onRequest', async (request, reply) => {
    const startedAt = performance.now();
    // `onResponse` does not come when the caller goes away.
    reply.raw.once('close', () => observe(describe(request, reply, startedAt)));
  });
}

function describe(request: FastifyRequest, reply: FastifyReply, startedAt: number): AnsweredRequest {
  const { method, errorCode } = request;
  return {
    method: METHODS.includes(method) ? method : 'OTHER',
    route: request.is404 ? 'unknown' : (request.routeOptions.url ?? 'unknown'),
    status: reply.raw.writableFinished ? reply.raw.statusCode : 499,
    code: errorCode,
    seconds: (performance.now() - startedAt) / 1_000,
  };
}
