import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressOf, isForOperators, type LiveRoute, liveRoutes } from './live-routes.ts';
import { openSecurityPlace, type Person, type SecurityPlace, type Sent } from './security-place.ts';

let place: SecurityPlace;
let admin: Person;
let routes: LiveRoute[];

beforeAll(async () => {
  place = await openSecurityPlace();
  admin = await place.register('Prototypes');
  routes = liveRoutes(place.app).filter(({ method }) => ['POST', 'PATCH', 'PUT', 'DELETE'].includes(method));
});
afterAll(() => place.stop());

const bodies: [string, string][] = [
  ['S19.01 __proto__', '{"__proto__":{"role":"SUPER_ADMIN"}}'],
  ['S19.02 __proto__ with an escape', '{"\\u005f_proto__":{"role":"SUPER_ADMIN"}}'],
  ['S19.03 __proto__ deep within', '{"settings":{"data_api":{"__proto__":{"user_access":"none"}}}}'],
  ['S19.04 constructor.prototype', '{"constructor":{"prototype":{"role":"SUPER_ADMIN"}}}'],
  ['S19.05 constructor.prototype within a list', '{"name":[{"constructor":{"prototype":{"x":1}}}]}'],
  ['S19.06 prototype', '{"prototype":{"role":"SUPER_ADMIN"}}'],
  ['S19.07 toString', '{"toString":"x"}'],
  ['S19.08 hasOwnProperty', '{"hasOwnProperty":1}'],
  ['S19.09 __defineGetter__', '{"__defineGetter__":1}'],
  ['S19.10 NaN', '{"name":NaN}'],
  ['S19.11 Infinity', '{"name":Infinity}'],
  ['S19.12 a number beyond all', '{"name":1e999}'],
  ['S19.13 a list for a text', '{"name":["Mallory"]}'],
  ['S19.14 an object for a text', '{"name":{"toString":"Mallory"}}'],
  ['S19.15 null for a text', '{"name":null}'],
  ['S19.16 true for a text', '{"name":true}'],
  ['S19.17 an integer beyond 2^53', '{"name":9007199254740993}'],
  ['S19.18 a field twice, the second of another type', '{"name":"Mallory","name":{}}'],
];

function proofFor({ access }: LiveRoute): Sent {
  if (access === 'anyone') return {};
  return isForOperators(access) ? { key: place.adminKey } : { token: admin.token };
}

describe('a body with', () => {
  it.each(bodies)('%s is refused at every writing route, and reaches no prototype', async (_name, body) => {
    const before = await place.state();
    const accepted: string[] = [];
    for (const route of routes) {
      const answer = await place.send(route.method, addressOf(route), { ...proofFor(route), body });
      // The columns of a table are its tenant's own, of any type: there it must only do no harm.
      const isFine = route.url.startsWith('/api/data/') ? answer.statusCode < 500 : answer.statusCode === 400;
      if (!isFine) accepted.push(`${route.name} ${answer.statusCode}`);
    }
    expect(accepted).toEqual([]);
    expect(await place.state()).toEqual(before);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as { role?: string }).role).toBeUndefined();
  });
});

const queries: [string, string][] = [
  ['S19.19 __proto__ in a query', '__proto__[role]=SUPER_ADMIN'],
  ['S19.20 __proto__ as a name', '__proto__=1'],
  ['S19.21 constructor in a query', 'constructor[prototype][x]=1'],
  ['S19.22 a list for a text', 'q[]=a&q[]=b'],
  ['S19.23 a text twice', 'q=a&q=b'],
  ['S19.24 an object for a text', 'q[toString]=a'],
  ['S19.25 NaN for a number', 'limit=NaN'],
  ['S19.26 a number beyond all', 'limit=1e309'],
  ['S19.27 a negative number', 'limit=-1'],
  ['S19.28 a number in hex', 'limit=0x10'],
];

describe('a query with', () => {
  it.each(queries)('%s is refused', async (_name, query) => {
    const answer = await place.send('GET', `/api/admin/tenants?${query}`, { key: place.adminKey });
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_request']);
    expect(({} as { role?: string; x?: number }).role ?? ({} as { x?: number }).x).toBeUndefined();
  });
});
