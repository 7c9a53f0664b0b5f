import type { FastifyInstance } from 'fastify';

export type RouteTable = ReturnType<typeof createRouteTable>;

/** Remembers which methods each address has, for 405. To be made before the first route. */
export function createRouteTable(app: FastifyInstance) {
  const patterns = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ method, url }) => {
    const methods = patterns.get(url) ?? new Set<string>();
    for (const name of [method].flat()) methods.add(name);
    patterns.set(url, methods);
  });

  return {
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
