import { type FastifyInstance, fastify, type RouteOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Access } from '../../src/http/caller.ts';
import { requireAccessPolicy } from '../../src/http/plugins/access-policy.ts';
import { addressOf, isForOperators, type LiveRoute, liveRoutes, policyFaults } from './live-routes.ts';
import { openPlaceApart, type Person, type SecurityPlace, type Sent } from './security-place.ts';

let place: SecurityPlace;
let routes: LiveRoute[];
let admin: Person;
let user: Person;
let other: Person;
let otherUser: Person;

type Identity = { name: string; sent: Sent; isIn: (access: Access) => number | 'in' };
let identities: Identity[];
let refusals = 0;
let admissions = 0;

/** Where somebody who is good for nothing here ends: 401. */
const stranger = (access: Access) => (access === 'anyone' ? 'in' : 401);
const withRole = (role: 'USER' | 'ADMIN' | 'SUPER_ADMIN') => (access: Access) => {
  if (access === 'anyone' || access === 'member') return 'in';
  if (isForOperators(access)) return role === 'SUPER_ADMIN' ? 'in' : 403;
  if (role === 'SUPER_ADMIN') return 403;
  return access === 'tenant-admin' && role === 'USER' ? 403 : 'in';
};

/** They are known, and their organization is not to be had. */
const suspended = (access: Access) => {
  const asAdmin = withRole('ADMIN')(access);
  return access.startsWith('tenant-') ? 409 : asAdmin;
};

/** Of an admin key that was given out; SUPER_ADMIN_KEY reaches everything. */
const withScope =
  (...reached: Access[]) =>
  (access: Access) => {
    if (!isForOperators(access)) return stranger(access);
    return reached.includes(access) ? 'in' : 403;
  };

async function keyOf(scope: string): Promise<string> {
  const body = { name: `to ${scope}`, scope };
  const answer = await place.send('POST', '/api/admin/keys', { key: place.adminKey, body });
  expect(answer.statusCode).toBe(201);
  return answer.json().data.key;
}

beforeAll(async () => {
  place = await openPlaceApart();
  admin = await place.register('Ours');
  other = await place.register('Theirs');
  const asleep = await place.register('Suspended');
  [user, otherUser] = [await place.addMember(admin, 'USER'), await place.addMember(other, 'USER')];
  const removed = await place.addMember(admin, 'ADMIN');
  await place.send('DELETE', `/api/tenant/users/${removed.userId}`, { token: admin.token });
  await place.send('POST', `/api/admin/tenants/${asleep.tenantId}/suspend`, { key: place.adminKey });
  const operator = await place.superAdmin();
  const key = place.adminKey;
  identities = [
    { name: 'nobody', sent: {}, isIn: stranger },
    { name: 'a user', sent: { token: user.token }, isIn: withRole('USER') },
    { name: 'an administrator', sent: { token: admin.token }, isIn: withRole('ADMIN') },
    { name: 'a user of another tenant', sent: { token: otherUser.token }, isIn: withRole('USER') },
    { name: 'an administrator of a suspended tenant', sent: { token: asleep.token }, isIn: suspended },
    { name: 'a removed member', sent: { token: removed.token }, isIn: stranger },
    { name: 'an operator', sent: { token: operator.token }, isIn: withRole('SUPER_ADMIN') },
    {
      name: 'the admin key',
      sent: { key },
      isIn: (access) => (isForOperators(access) ? 'in' : stranger(access)),
    },
    { name: 'a key to read', sent: { key: await keyOf('read') }, isIn: withScope('operator-read') },
    {
      name: 'a key to operate',
      sent: { key: await keyOf('operate') },
      isIn: withScope('operator-read', 'operator'),
    },
  ];
  routes = liveRoutes(place.app);
});
afterAll(() => place.stop());

/** Let in is whoever is told about the request itself; an open event stream would never end. */
async function outcomeOf(route: LiveRoute, sent: Sent): Promise<number | 'in'> {
  const { statusCode } = await place.send(route.method, addressOf(route), sent);
  const isRefused =
    [401, 403].includes(statusCode) || (statusCode === 409 && route.access.startsWith('tenant-'));
  return isRefused ? statusCode : 'in';
}

describe('who may call what', () => {
  it('S4.01 every route × 10 identities: what the policy refuses is refused, and changes nothing', async () => {
    const wrong: unknown[] = [];
    for (const { name, sent, isIn } of identities) {
      const before = await place.state();
      for (const route of routes.filter(({ access }) => isIn(access) !== 'in')) {
        const found = await outcomeOf(route, sent);
        if (found !== isIn(route.access)) wrong.push([name, route.name, isIn(route.access), found]);
        refusals += 1;
      }
      expect(await place.state(), name).toEqual(before);
    }
    expect(wrong).toEqual([]);
  });

  it('S4.02 an open route does not ask, so that a bad proof is not refused either', async () => {
    const open = routes.filter(({ access, method }) => access === 'anyone' && method === 'GET');
    for (const route of open) expect(await outcomeOf(route, { token: 'nonsense' }), route.name).toBe('in');
    expect(open.length).toBeGreaterThan(3);
  });

  it('S4.03 every refusal at the door is a problem document without a word of what lies behind', async () => {
    for (const route of routes.filter(({ access, method }) => access !== 'anyone' && method !== 'HEAD')) {
      const answer = await place.send(route.method, addressOf(route), { token: 'nonsense' });
      expect([answer.statusCode, answer.body.length < 400], route.name).toEqual([401, true]);
      expect(answer.headers['www-authenticate'], route.name).toBe('Bearer realm="tenant-manager"');
    }
  });
});

const needsProof = ({ access }: Pick<LiveRoute, 'access'>) => access !== 'anyone';

/** As the start does it: a route is registered behind the guard. */
async function start({ options }: LiveRoute, access: Access | undefined): Promise<FastifyInstance> {
  const app = fastify();
  requireAccessPolicy(app);
  const { method, url } = options;
  const config = access === undefined ? {} : { access };
  const route: RouteOptions = { method, url, config, handler: async () => 'x' };
  app.route(route);
  await app.ready();
  return app;
}

describe('the policies', () => {
  it('S4.04 are what the addresses promise', () => {
    expect(policyFaults(routes)).toEqual([]);
  });

  it('S4.05 cannot lose one entry: without it, the start fails and names the route', async () => {
    for (const route of routes.filter(({ method }) => method !== 'HEAD')) {
      await (await start(route, route.access)).close();
      await expect(start(route, undefined), route.name).rejects.toThrow(
        `Route ${String(route.options.method)} ${route.url} does not say who may call it`,
      );
    }
  });

  it('S4.06 cannot be opened one by one: each weaker entry at each route is found', () => {
    const mutants = routes.flatMap((route) =>
      weakestFirst.slice(0, weakestFirst.indexOf(route.access)).map((access) => ({ ...route, access })),
    );
    const survivors = mutants.filter((mutant) => policyFaults([mutant]).length === 0);
    expect(survivors.map(({ name, access }) => `${name} as ${access}`)).toEqual([]);
    expect(mutants.length).toBeGreaterThan(100);
  });
});

const weakestFirst: readonly Access[] = [
  'anyone',
  'member',
  'tenant-member',
  'tenant-admin',
  'operator-read',
  'operator',
  'operator-owner',
];

type Foreign = [
  string,
  () => {
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
    url: (id: string) => string;
    id: string;
    body?: object;
  },
];
const foreign: Foreign[] = [
  [
    'S4.07 changing a member of another tenant',
    () => ({
      method: 'PATCH',
      url: (id) => `/api/tenant/users/${id}`,
      id: otherUser.userId,
      body: { role: 'ADMIN' },
    }),
  ],
  [
    'S4.08 removing a member of another tenant',
    () => ({ method: 'DELETE', url: (id) => `/api/tenant/users/${id}`, id: otherUser.userId }),
  ],
  [
    'S4.09 removing the administrator of another tenant',
    () => ({ method: 'DELETE', url: (id) => `/api/tenant/users/${id}`, id: other.userId }),
  ],
  [
    'S4.10 ending the session of somebody else',
    () => ({ method: 'DELETE', url: (id) => `/api/me/sessions/${id}`, id: sessionOf(other.token) }),
  ],
  [
    'S4.11 ending the session of a colleague',
    () => ({ method: 'DELETE', url: (id) => `/api/me/sessions/${id}`, id: sessionOf(user.token) }),
  ],
];

const sessionOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).sid;

it.each(foreign)('%s is answered as if it were not there, and does nothing', async (_name, make) => {
  const { method, url, id, body } = make();
  const before = await place.state();
  const ask = async (each: string) => {
    const answer = await place.send(method, url(each), { token: admin.token, ...(body && { body }) });
    const { request_id: _id, instance: _instance, ...rest } = answer.json();
    return rest;
  };
  const [found, unknown] = [await ask(id), await ask('0199a0aa-0000-7000-8000-00000000dead')];
  expect(found).toEqual(unknown);
  expect(found.status).toBe(404);
  expect(await place.state()).toEqual(before);
});

/** At last, since what is let in goes on working. */
it('S4.12 every route × 10 identities: what the policy allows is let in', async () => {
  const wrong: unknown[] = [];
  for (const { name, sent, isIn } of identities) {
    for (const route of routes.filter(({ access }) => needsProof({ access }) && isIn(access) === 'in')) {
      const found = await outcomeOf(route, { ...sent, headers: { prefer: 'wait=0' } });
      if (found !== 'in') wrong.push([name, route.name, found]);
      admissions += 1;
    }
  }
  expect(wrong).toEqual([]);
  const ofPolicy = routes.filter(needsProof).length * identities.length;
  expect(refusals + admissions).toBe(ofPolicy);
  expect(ofPolicy).toBeGreaterThanOrEqual(10 * 40);
});
