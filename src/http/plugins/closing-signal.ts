import type { Server } from 'node:http';
import type { FastifyInstance, FastifyReply } from 'fastify';

declare module 'fastify' {
  interface FastifyInstance {
    /** Aborted when the process begins to end: what waits on behalf of a caller comes to an end. */
    closing: AbortSignal;
  }
}

const idleLookMs = 100;

/** Ends what would keep a closing server open: those who wait, and connections that are kept for later. */
export function addClosingSignal(app: FastifyInstance): void {
  const closing = new AbortController();
  app.decorate('closing', closing.signal);
  app.addHook('preClose', async () => {
    closing.abort();
    closeIdleConnections(app.server);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (closing.signal.aborted) reply.header('connection', 'close');
  });
}

/** Node closes only those that are idle at that moment; an event stream that ends becomes idle later. */
function closeIdleConnections(server: Server): void {
  if (!server.listening) return;
  const timer = setInterval(() => server.closeIdleConnections(), idleLookMs);
  server.once('close', () => clearInterval(timer));
}

/** Made once: an error for each answered request would be a stack for each. */
const over = new DOMException('The request is over.', 'AbortError');

/** Aborted when the caller has closed the connection, or is answered. */
export function goneAway(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(over));
  return gone.signal;
}
