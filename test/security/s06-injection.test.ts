import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  goodPassword,
  type Method,
  openSecurityPlace,
  type Person,
  type SecurityPlace,
  type Sent,
} from './security-place.ts';

let place: SecurityPlace;
let admin: Person;
let catalog: Awaited<ReturnType<SecurityPlace['catalog']>>;

beforeAll(async () => {
  place = await openSecurityPlace();
  admin = await place.register('Injection');
  catalog = await place.catalog();
});
afterAll(() => place.stop());

const payloads: readonly string[] = [
  '"; DROP DATABASE postgres; --',
  "'; DROP TABLE tenant_registry; --",
  '"; DROP TABLE tenant_registry CASCADE; --',
  'a"b',
  'a""b',
  "a'b",
  "a''b",
  'a\\"b',
  "a\\'; SELECT 1; --",
  "' OR '1'='1",
  "' OR 1=1 --",
  "') OR ('1'='1",
  "' UNION SELECT password_hash FROM global_users --",
  "x' || (SELECT password_hash FROM global_users LIMIT 1) || 'x",
  '$1',
  '$$; DROP TABLE tenant_registry; $$',
  '$body$x$body$',
  '%s',
  '%I',
  '%',
  '_',
  '-- comment',
  '/* comment */',
  '; SELECT pg_sleep(5)',
  "'; SELECT pg_terminate_backend(pg_backend_pid()); --",
  "'; COPY global_users TO PROGRAM 'id'; --",
  'a\u0000b',
  'a\nb',
  'a\r\nSET-COOKIE: a=b',
  'a\tb',
  'x'.repeat(64),
  'é'.repeat(40),
  '\u202eevil',
  'a\u200bb',
  'аcme',
  '\ud800',
  'pg_catalog',
  'pg_temp',
  'template1',
  'postgres',
  'information_schema',
  '?host=evil.example',
  '%3Fhost=evil.example',
  '&options=-c%20search_path=evil',
  '../../../etc/passwd',
];

type Sink = {
  method: Method;
  url: (payload: string) => string;
  body?: (payload: string) => unknown;
  as?: 'operator' | 'nobody';
  /** Where the payload must have no effect but to be kept as it is. */
  readBack?: (answer: Answered) => unknown;
  /** Every other status is a hole. */
  allowed: readonly number[];
};
type Answered = { statusCode: number; body: string; json: () => { data: Record<string, unknown> } };

const inPath = encodeURIComponent;
/** Half a surrogate pair has no percent-encoding. */
const encoded = (payload: string) => inPath(payload.replace(/\p{Cs}/gu, '\ufffd'));
const query =
  (name: string, path = '/api/admin/tenants') =>
  (payload: string) =>
    `${path}?${name}=${encoded(payload)}`;
const fixed = (url: string) => () => url;

const sinks: [string, Sink][] = [
  [
    'S6.01 the name of an organization',
    {
      method: 'PATCH',
      url: fixed('/api/tenant'),
      body: (name) => ({ name }),
      readBack: (answer) => answer.json().data.name,
      allowed: [200, 400],
    },
  ],
  [
    'S6.02 the name of a person',
    {
      method: 'PATCH',
      url: fixed('/api/me'),
      body: (name) => ({ name }),
      readBack: (answer) => answer.json().data.name,
      allowed: [200, 400],
    },
  ],
  [
    'S6.03 a slug',
    {
      method: 'POST',
      url: fixed('/api/auth/register-organization'),
      body: (slug) => registration({ slug: `${slug}!` }),
      as: 'nobody',
      allowed: [400],
    },
  ],
  [
    'S6.04 a plan',
    {
      method: 'POST',
      url: fixed('/api/auth/register-organization'),
      body: (plan) => registration({ plan }),
      as: 'nobody',
      allowed: [400],
    },
  ],
  [
    'S6.05 a template',
    {
      method: 'POST',
      url: fixed('/api/auth/register-organization'),
      body: (template) => registration({ template }),
      as: 'nobody',
      allowed: [400],
    },
  ],
  [
    'S6.06 the address of a log-in',
    {
      method: 'POST',
      url: fixed('/api/auth/login'),
      body: (text) => ({ email: `${text}@example.com`, password: 'x' }),
      as: 'nobody',
      allowed: [400, 401],
    },
  ],
  [
    'S6.07 the tenant of a log-in',
    {
      method: 'POST',
      url: fixed('/api/auth/login'),
      body: (key) => ({ email: admin.email, password: goodPassword, tenant_key: key }),
      as: 'nobody',
      allowed: [400, 404],
    },
  ],
  [
    'S6.08 a refresh token',
    {
      method: 'POST',
      url: fixed('/api/auth/refresh'),
      body: (token) => ({ refresh_token: token }),
      as: 'nobody',
      allowed: [401],
    },
  ],
  [
    'S6.09 the name of a setting',
    {
      method: 'PATCH',
      url: fixed('/api/tenant'),
      body: (key) => ({ settings: { [key]: 1 } }),
      allowed: [400],
    },
  ],
  ['S6.10 a search', { method: 'GET', url: query('q'), as: 'operator', allowed: [200, 400] }],
  ['S6.11 an order', { method: 'GET', url: query('sort'), as: 'operator', allowed: [400] }],
  ['S6.12 a filter by state', { method: 'GET', url: query('status'), as: 'operator', allowed: [400] }],
  ['S6.13 a filter by plan', { method: 'GET', url: query('plan'), as: 'operator', allowed: [200, 400] }],
  ['S6.14 a filter by tag', { method: 'GET', url: query('tag'), as: 'operator', allowed: [200, 400] }],
  [
    'S6.15 a cursor',
    {
      method: 'GET',
      url: (text) =>
        query('cursor')(Buffer.from(JSON.stringify(['-created_at', text, text])).toString('base64url')),
      as: 'operator',
      allowed: [400],
    },
  ],
  [
    'S6.16 a filter of jobs',
    { method: 'GET', url: query('kind', '/api/admin/jobs'), as: 'operator', allowed: [200, 400] },
  ],
  [
    'S6.17 a tenant in the path',
    { method: 'GET', url: (text) => `/api/admin/tenants/${encoded(text)}`, as: 'operator', allowed: [404] },
  ],
  [
    'S6.18 a template in the path',
    { method: 'GET', url: (text) => `/api/admin/templates/${encoded(text)}`, as: 'operator', allowed: [404] },
  ],
  [
    'S6.19 a job in the path',
    { method: 'GET', url: (text) => `/api/admin/jobs/${encoded(text)}`, as: 'operator', allowed: [400, 404] },
  ],
  [
    'S6.20 a run in the path',
    {
      method: 'GET',
      url: (text) => `/api/auth/provisioning-status/${encoded(text)}`,
      as: 'nobody',
      allowed: [404],
    },
  ],
  [
    'S6.21 a member in the path',
    { method: 'DELETE', url: (text) => `/api/tenant/users/${encoded(text)}`, allowed: [400, 404] },
  ],
  ['S6.22 a table', { method: 'GET', url: (text) => `/api/data/${encoded(text)}`, allowed: [400, 404] }],
  [
    'S6.23 a column',
    { method: 'GET', url: (text) => `/api/data/companies?select=${encoded(text)}`, allowed: [400] },
  ],
  [
    'S6.24 an order of rows',
    { method: 'GET', url: (text) => `/api/data/companies?order=${encoded(text)}`, allowed: [400] },
  ],
  [
    'S6.25 the key of a template',
    {
      method: 'POST',
      url: fixed('/api/admin/templates'),
      body: (key) => ({ key: `${key}!`, source_database: 'x' }),
      as: 'operator',
      allowed: [400],
    },
  ],
];

function registration(over: object) {
  return {
    organization_name: 'Injected',
    admin_email: 'injected@example.com',
    admin_password: 'correct horse 7 battery',
    ...over,
  };
}

function proofOf({ as }: Sink): Sent {
  if (as === 'nobody') return {};
  return as === 'operator' ? { key: place.adminKey } : { token: admin.token };
}

/** What went in and what is said to be there. */
function isKept(sink: Sink, payload: string, answer: Answered): boolean {
  if (sink.readBack === undefined || answer.statusCode !== 200) return true;
  return sink.readBack(answer) === payload.trim();
}

describe('whatever is given as', () => {
  it.each(sinks)('%s is refused or kept as it is, and no catalog changes', async (_name, sink) => {
    const wrong: unknown[] = [];
    const members = await place.registryRows('SELECT count(*) AS count FROM tenant_members');
    for (const payload of payloads) {
      const body = sink.body?.(payload);
      const answer = await place.send(sink.method, sink.url(payload), {
        ...proofOf(sink),
        ...(body !== undefined && { body }),
      });
      const isAllowed = sink.allowed.includes(answer.statusCode) && isKept(sink, payload, answer);
      const tells = /syntax error at or near|unterminated quoted|at character \d/i.test(answer.body);
      if (!isAllowed || tells) wrong.push([payload, answer.statusCode, answer.body]);
    }
    expect(wrong).toEqual([]);
    expect(await place.catalog()).toEqual(catalog);
    expect(await place.registryRows('SELECT count(*) AS count FROM tenant_members')).toEqual(members);
  });

  it('S6.26 a search finds what is meant literally, not what a pattern would', async () => {
    const find = async (q: string) =>
      (await place.send('GET', query('q')(q), { key: place.adminKey })).json().data.length;
    await place.send('PATCH', '/api/tenant', { token: admin.token, body: { name: 'Fifty percent' } });
    expect([await find('Fifty'), await find('%'), await find('_'), await find('F%t')]).toEqual([1, 0, 0, 0]);
  });
});
