import type { FastifyInstance, FastifyRequest } from 'fastify';
import { errors } from '../../errors/catalogue.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler reads the body itself, and refuses in it what it does not know. */
    readsBodyItself?: true;
  }
}

/** Refuses a body where none is read: what has no effect must not be answered as if it had one. */
export function refuseUnreadBodies(app: FastifyInstance): void {
  app.addHook('preValidation', async (request) => {
    if (isRead(request) || isEmpty(request.body)) return;
    const path = typeof request.body === 'object' ? Object.keys(Object(request.body)).join(', ') : 'body';
    throw errors.invalidRequest([{ path, message: 'unknown field: this route reads no body' }]);
  });
}

function isRead({ is404, routeOptions }: FastifyRequest): boolean {
  return is404 || routeOptions.schema?.body !== undefined || routeOptions.config.readsBodyItself === true;
}

/** `{}` is what some clients send for nothing. */
function isEmpty(body: unknown): boolean {
  if (body === undefined || body === null) return true;
  return typeof body === 'object' && !Array.isArray(body) && Object.keys(body).length === 0;
}
