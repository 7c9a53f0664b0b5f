import type { FastifyInstance, RouteOptions } from 'fastify';

export type RouteTable = ReturnType<typeof createRouteTable>;

declare module 'fastify' {
  interface FastifyInstance {
    routeTable: RouteTable;
  }
}

/** Remembers every route: for 405, and for whoever checks all of them. To be made before the first route. */
export function createRouteTable(app: FastifyInstance) {
  const routes: RouteOptions[] = [];
  const patterns = new Map<string, Set<string>>();
  app.addHook('onRoute', (route) => {
    const { method, url } = route;
    const methods = patterns.get(url) ?? new Set<string>();
    for (const name of [method].flat()) methods.add(name);
    patterns.set(url, methods);
    routes.push(route);
  });

  return {
    /** As they were registered, each with its policy and its schemas. */
    routes: (): readonly RouteOptions[] => routes,

    methodsAt(path: string): string[] {
      const found = [...patterns].filter(([pattern]) => pattern !== '*' && matches(pattern, path));
      return [...new Set(found.flatMap(([, methods]) => [...methods]))].sort();
    },
  };
}

/** `:name` stands for one part of a path, `*` for the rest. */
function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  const rest = wanted.indexOf('*');
  if (rest < 0 && wanted.length !== given.length) return false;
  const fixed = rest < 0 ? wanted : wanted.slice(0, rest);
  return fixed.every((part, at) => (part.startsWith(':') ? (given[at] ?? '') !== '' : part === given[at]));
}
