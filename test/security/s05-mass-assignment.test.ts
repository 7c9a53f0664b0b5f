import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { goodBodyOf } from './good-bodies.ts';
import { addressOf, isForOperators, type LiveRoute, liveRoutes } from './live-routes.ts';
import {
  openSecurityPlace,
  type Person,
  problemType,
  type SecurityPlace,
  type Sent,
} from './security-place.ts';

let place: SecurityPlace;
let admin: Person;
let routes: LiveRoute[];

beforeAll(async () => {
  place = await openSecurityPlace();
  admin = await place.register('Mass assignment');
  routes = liveRoutes(place.app).filter(({ method }) => ['POST', 'PATCH', 'PUT', 'DELETE'].includes(method));
});
afterAll(() => place.stop());

/** The tenants' own columns are theirs to write: /api/data has its own language. */
const isOurs = ({ url }: LiveRoute) => !url.startsWith('/api/data/');

function proofFor({ access }: LiveRoute): Sent {
  if (access === 'anyone') return {};
  return isForOperators(access) ? { key: place.adminKey } : { token: admin.token };
}

const extras: [string, string, unknown][] = [
  ['S5.01 a role', 'role_', 'SUPER_ADMIN'],
  ['S5.02 a super administrator’s mark', 'is_super_admin', true],
  ['S5.03 a state', 'status', 'active'],
  ['S5.04 a tenant', 'tenant_id', '0199a0aa-0000-7000-8000-000000000002'],
  ['S5.05 an id', 'id_', '0199a0aa-0000-7000-8000-000000000001'],
  ['S5.06 a verified address', 'email_verified', true],
  ['S5.07 a quota', 'quota', { users: 1_000_000 }],
  ['S5.08 a server', 'db_host', 'evil.example'],
  ['S5.09 a time', 'created_at', '2000-01-01T00:00:00Z'],
  ['S5.10 a hash', 'password_hash', '$argon2id$v=19$m=1024,t=2,p=1$c2FsdA$aGFzaA'],
  ['S5.11 a nested object', 'tenant', { plan: 'enterprise' }],
  ['S5.12 a list', 'roles', ['ADMIN', 'SUPER_ADMIN']],
];

async function refusalsOf(bodyOf: (route: LiveRoute) => unknown): Promise<string[]> {
  const accepted: string[] = [];
  for (const route of routes.filter(isOurs)) {
    const answer = await place.send(route.method, addressOf(route), {
      ...proofFor(route),
      body: bodyOf(route),
    });
    const isRefused = answer.statusCode === 400 && answer.headers['content-type'] === problemType;
    if (!isRefused) accepted.push(`${route.name}: ${answer.statusCode}`);
  }
  return accepted;
}

describe('a body with a field that the route does not have', () => {
  it.each(extras)(
    '%s is refused at every writing route, and nothing changes',
    async (_name, field, value) => {
      const before = await place.state();
      expect(await refusalsOf(({ name }) => ({ ...goodBodyOf(name), [field]: value }))).toEqual([]);
      expect(await place.state()).toEqual(before);
    },
  );

  it('S5.13 is told which field it was', async () => {
    const body = {
      name: 'Mallory',
      role: 'ADMIN',
      settings: { data_api: { user_access: 'none', by: 'me' } },
    };
    const answer = await place.send('PATCH', '/api/tenant', { token: admin.token, body });
    expect(answer.json().errors).toEqual([
      { path: 'settings.data_api.by', message: 'unknown field' },
      { path: 'role', message: 'unknown field' },
    ]);
  });

  it('S5.14 the same bodies without it are understood, so that the field alone is what is refused', () => {
    const notUnderstood = routes.flatMap(({ name, options: { schema } }) => {
      const { body } = schema ?? {};
      return body instanceof z.ZodType && !body.safeParse(goodBodyOf(name)).success ? [name] : [];
    });
    expect(notUnderstood).toEqual([]);
  });
});

const shapes: [string, unknown][] = [
  ['S5.15 a list', []],
  ['S5.16 a list with a good body in it', [{ name: 'Mallory' }]],
  ['S5.17 a text', '"text"'],
  ['S5.18 a number', '1'],
  ['S5.19 true', 'true'],
];

describe('a body that is no object', () => {
  it.each(shapes)('%s is refused at every writing route, and nothing changes', async (_name, body) => {
    const before = await place.state();
    expect(await refusalsOf(() => body)).toEqual([]);
    expect(await place.state()).toEqual(before);
  });
});

it('S5.20 a customer cannot take a plan that is not theirs to choose', async () => {
  const before = await place.state();
  const [plan] = await place.registryRows('SELECT key FROM plans WHERE NOT self_service LIMIT 1');
  const body = { ...goodBodyOf('POST /api/auth/register-organization'), plan: plan?.key ?? 'no-such-plan' };
  const answer = await place.send('POST', '/api/auth/register-organization', { body });
  expect([answer.statusCode, answer.json().errors[0].path]).toEqual([400, 'plan']);
  expect(await place.state()).toEqual(before);
});
