import type { FastifyInstance, RouteOptions } from 'fastify';

/**
 * Refuses a route that does not say who may call it. To be added before any other plugin, so that no route
 * escapes it.
 * @throws Error at registration of such a route, so that the process does not start.
 */
export function requireAccessPolicy(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    if (route.config?.access !== undefined) return;
    if (!isBroughtByPlugin(route)) {
      throw new Error(
        `Route ${String(route.method)} ${route.url} does not say who may call it: config.access`,
      );
    }
    route.config = { ...route.config, access: 'anyone' };
  });
}

/** The preflight route of @fastify/cors and the pages of @fastify/swagger-ui cannot carry a `config`. */
function isBroughtByPlugin({ method, url }: RouteOptions): boolean {
  return (method === 'OPTIONS' && url === '*') || url === '/docs' || url.startsWith('/docs/');
}
