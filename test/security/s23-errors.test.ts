import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorDefinitions } from '../../src/errors/catalogue.ts';
import { addressOf, type LiveRoute, liveRoutes } from './live-routes.ts';
import {
  type Method,
  openSecurityPlace,
  type Person,
  problemType,
  type SecurityPlace,
  type Sent,
} from './security-place.ts';

let place: SecurityPlace;
let admin: Person;
let routes: LiveRoute[];
/** Path and method of every operation that the API describes. */
let described: { method: Method; url: string }[];

beforeAll(async () => {
  place = await openSecurityPlace();
  admin = await place.register('Errors');
  routes = liveRoutes(place.app);
  const paths: Record<string, object> = (await place.send('GET', '/openapi.json')).json().paths;
  described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => ({
      method: method.toUpperCase() as Method,
      url: path.replace(/\{(\w+)\}/g, ':$1'),
    })),
  );
});
afterAll(() => place.stop());

const inside = () =>
  new RegExp(
    `node_modules|\\.ts:|at async|SELECT |INSERT |${place.registryName}|${place.sourceName}|${place.environment.TENANT_DB_PREFIX}|${place.server.admin.password}|ECONNREFUSED|kysely`,
    'i',
  );

const codes = new Set(errorDefinitions.map(({ code }) => code));

/** What is wrong with an answer as a problem document; nothing where all is well. */
function faultOf(answer: Awaited<ReturnType<SecurityPlace['send']>>): string | undefined {
  const problem = answer.json();
  const isWhole =
    answer.headers['content-type'] === problemType &&
    problem.type === `http://localhost:3001/docs/errors#${problem.code}` &&
    problem.status === answer.statusCode &&
    problem.success === false &&
    problem.request_id === answer.headers['x-request-id'] &&
    ['title', 'detail', 'instance'].every((member) => typeof problem[member] === 'string') &&
    codes.has(problem.code);
  if (!isWhole) return `no problem document: ${answer.body}`;
  return inside().test(answer.body) ? `speaks of what is inside: ${answer.body}` : undefined;
}

const writes = ['POST', 'PATCH', 'PUT', 'DELETE'];
const typed = (type: string) => ({ headers: { 'content-type': type } });
const troubles: [string, { status: number; sent: Sent }][] = [
  ['S23.01 a broken body', { status: 400, sent: { body: '{"a":' } }],
  [
    'S23.02 a body that is a form',
    { status: 415, sent: { body: 'a=b', ...typed('application/x-www-form-urlencoded') } },
  ],
  ['S23.03 a body of no type that there is', { status: 415, sent: { body: 'a', ...typed('x') } }],
  ['S23.04 a body that is too large', { status: 413, sent: { body: `{"a":"${'x'.repeat(1_048_576)}"}` } }],
  [
    'S23.05 a body in UTF-16',
    { status: 400, sent: { body: '\u00ff\u00fe', ...typed('application/json; charset=utf-16') } },
  ],
];

/** By whoever may call it: the door must not be what refuses. */
function proofFor({ access }: LiveRoute): Sent {
  if (access === 'anyone') return {};
  return access.startsWith('operator') ? { key: place.adminKey } : { token: admin.token };
}

const isGuarded = (route: LiveRoute) =>
  route.access !== 'anyone' && route.method !== 'HEAD' && !isData(route);
const isData = ({ url }: { url: string }) => url.startsWith('/api/data/');
const liveOf = ({ method, url }: { method: string; url: string }) =>
  routes.find((route) => route.method === method && route.url === url);

describe('at every described operation', () => {
  it('S23.06 is a live route, and every live route of the API is described', () => {
    expect(described.filter((operation) => liveOf(operation) === undefined)).toEqual([]);
    const names = new Set(described.map(({ method, url }) => `${method} ${url}`));
    const hidden = routes.filter(
      ({ method, url, name }) => method !== 'HEAD' && url.startsWith('/api/') && !names.has(name),
    );
    expect(hidden.map(({ name }) => name)).toEqual([]);
  });

  it.each(troubles)('%s is a problem document that tells nothing', async (_name, { status, sent }) => {
    const faults: string[] = [];
    for (const operation of described.filter((each) => writes.includes(each.method) && !isData(each))) {
      const route = liveOf(operation);
      if (route === undefined) throw new Error(operation.url);
      const answer = await place.send(route.method, addressOf(route), { ...proofFor(route), ...sent });
      const fault = answer.statusCode === status ? faultOf(answer) : `${answer.statusCode}, not ${status}`;
      if (fault !== undefined) faults.push(`${route.name}: ${fault}`);
    }
    expect(faults).toEqual([]);
  });

  it('S23.07 a method that it does not have is 405 and says which there are', async () => {
    const urls = [...new Set(described.map(({ url }) => url))];
    for (const url of urls) {
      const has = place.app.routeTable.methodsAt(addressOf({ url }));
      const missing = (['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const).find(
        (method) => !has.includes(method),
      );
      if (missing === undefined) continue;
      const answer = await place.send(missing, addressOf({ url }), { key: place.adminKey });
      expect([answer.statusCode, faultOf(answer), typeof answer.headers.allow], url).toEqual([
        405,
        undefined,
        'string',
      ]);
    }
  });

  it('S23.08 without a proof it is 401, the same but for its address', async () => {
    const told = new Set<string>();
    for (const route of routes.filter(isGuarded)) {
      const answer = await place.send(route.method, addressOf(route));
      expect([answer.statusCode, faultOf(answer)], route.name).toEqual([401, undefined]);
      const { code, detail } = answer.json();
      told.add(`${code} ${detail}`);
    }
    expect(told.size).toBe(2);
  });
});

const lost: [string, string, string][] = [
  ['S23.09 an address that is none', '/api/nothing', 'route_not_found'],
  ['S23.10 an address that cannot be read', '/api/%zz', 'route_not_found'],
  ['S23.11 a very long address', `/api/admin/tenants/${'x'.repeat(2_000)}`, 'route_not_found'],
  ['S23.12 a tenant that is not there', `/api/admin/tenants/${randomUUID()}`, 'tenant_not_found'],
  ['S23.13 a job that is not there', `/api/admin/jobs/${randomUUID()}`, 'not_found'],
  ['S23.14 a template that is not there', '/api/admin/templates/none', 'not_found'],
];

describe('what is not there', () => {
  it.each(lost)('%s is a problem document', async (_name, url, code) => {
    const answer = await place.send('GET', url, { key: place.adminKey });
    expect([answer.statusCode, answer.json().code, faultOf(answer)]).toEqual([404, code, undefined]);
  });

  it('S23.15 the query of an address is not repeated, as it may hold what nobody should read', async () => {
    const answer = await place.send('GET', '/api/nothing?password=hunter2');
    expect(answer.body).not.toContain('hunter2');
  });

  it('S23.16 no answer names the software that gave it', async () => {
    for (const route of routes.filter(({ method, url }) => method === 'GET' && !url.includes('events'))) {
      const { headers } = await place.send('GET', addressOf(route), {
        ...proofFor(route),
        headers: { prefer: 'wait=0' },
      });
      expect(headers, route.name).not.toHaveProperty('x-powered-by');
      expect(headers, route.name).not.toHaveProperty('server');
    }
  });
});
