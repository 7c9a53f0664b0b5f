import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Many may come at once, and each is much work: they are let in one after the other. */
    inTurns?: true;
  }
}

/** However many connections come, somebody is let in this often. */
const longestPauseMs = 100;

/**
 * Lets one request of routes with `config.inTurns` in per turn of the event loop, and none in a turn that brought a
 * new connection. Node accepts one connection in each turn: with 500 registrations at once, whoever else wants to
 * connect would wait until nearly all of them have been taken in.
 */
export function takeTurns(app: FastifyInstance): void {
  const waiting: (() => void)[] = [];
  let hasConnected = false;
  let letInAt = 0;
  app.server.on('connection', () => {
    hasConnected = true;
  });

  function turn(): void {
    const now = performance.now();
    if (!hasConnected || now - letInAt >= longestPauseMs) {
      letInAt = now;
      waiting.shift()?.();
    }
    hasConnected = false;
    if (waiting.length > 0) setImmediate(turn);
  }

  app.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config.inTurns === undefined) return done();
    if (waiting.push(() => done()) === 1) setImmediate(turn);
  });
}
