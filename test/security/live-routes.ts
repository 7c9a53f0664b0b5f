import { randomUUID } from 'node:crypto';
import type { RouteOptions } from 'fastify';
import type { App } from '../../src/http/app.ts';
import type { Access } from '../../src/http/caller.ts';
import type { Method } from './security-place.ts';

export type LiveRoute = {
  method: Method;
  url: string;
  access: Access;
  /** `POST /api/tenant/users`. */
  name: string;
  options: RouteOptions;
};

/** Pages and preflights of plugins, which cannot carry a policy. */
const isOfPlugin = (url: string) => url === '*' || url === '/docs' || url.startsWith('/docs/');

/** Every route of the assembled API, with the policy that it was registered with. */
export function liveRoutes(app: App): LiveRoute[] {
  return app.routeTable
    .routes()
    .filter(({ url }) => !isOfPlugin(url))
    .flatMap((options) =>
      [options.method].flat().map((method) => {
        const { access } = options.config ?? {};
        if (access === undefined) throw new Error(`${method} ${options.url} has no policy.`);
        return {
          method: method as Method,
          url: options.url,
          access,
          name: `${method} ${options.url}`,
          options,
        };
      }),
    );
}

/** The address with something of the right shape in place of each parameter, which is nobody's. */
export function addressOf({ url }: Pick<LiveRoute, 'url'>, id: string = randomUUID()): string {
  return url.replace(/:table/, 'companies').replace(/:[a-z_]+/g, id);
}

export const isForOperators = (access: Access): boolean => access.startsWith('operator');

/**
 * What an address promises about its policy, the most particular first. Independent of the routes' own word, so
 * that a policy that was opened by mistake is found.
 */
const promises: readonly (readonly [path: RegExp, method: RegExp, access: RegExp])[] = [
  [/^\/api\/admin\/keys(\/|$)/, /./, /^operator-owner$/],
  [/^\/api\/admin\/servers$/, /^POST$/, /^operator-owner$/],
  [/^\/api\/admin\/servers\/:id$/, /^DELETE$/, /^operator-owner$/],
  [/^\/api\/admin\//, /^(POST|PATCH|PUT|DELETE)$/, /^operator(-owner)?$/],
  [/^\/api\/admin\//, /^(GET|HEAD)$/, /^operator/],
  [/^\/api\/tenant\/users(\/|$)/, /./, /^tenant-admin$/],
  [/^\/api\/tenant(\/|$)/, /^(POST|PATCH|PUT|DELETE)$/, /^tenant-admin$/],
  [/^\/api\/tenant(\/|$)/, /^(GET|HEAD)$/, /^tenant-(member|admin)$/],
  [/^\/api\/data\//, /./, /^tenant-member$/],
  [/^\/api\/me(\/|$)/, /./, /^member$/],
  [/^\/api\/auth\/(register-organization|login|refresh|logout)$/, /^POST$/, /^anyone$/],
  [/^\/api\/auth\/provisioning-status\/:provisioning_id(\/events)?$/, /^(GET|HEAD)$/, /^anyone$/],
  [/^\/(health(\/live|\/ready)?|openapi\.json|docs\/errors)$/, /^(GET|HEAD)$/, /^anyone$/],
];

export type Policy = Pick<LiveRoute, 'method' | 'url' | 'access'>;

/** One sentence for each route whose policy is not what its address promises. */
export function policyFaults(routes: readonly Policy[]): string[] {
  return routes.flatMap(({ method, url, access }) => {
    const promise = promises.find(([path, methods]) => path.test(url) && methods.test(method));
    if (promise === undefined) return [`${method} ${url} is an address that nothing was promised about`];
    return promise[2].test(access) ? [] : [`${method} ${url} is open to ${access}`];
  });
}
