import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { insertMember } from '../../src/registry/repositories/members.ts';
import { insertTenant } from '../../src/registry/repositories/tenants.ts';
import { openSecurityPlace, type Person, type SecurityPlace, type Sent } from './security-place.ts';

const tenantCount = 20;
const requestCount = 1_000;
const atOnce = 25;

type Member = { tenantId: string; slug: string; token: string };

let place: SecurityPlace;
let own: Person;
let foreign: Person;
let members: Member[];

beforeAll(async () => {
  place = await openSecurityPlace();
  own = await place.register('Own tenant');
  foreign = await place.register('Foreign tenant');
  members = [];
  for (let number = 0; number < tenantCount; number += 1) members.push(await joinAnother(number));
});
afterAll(() => place.stop());

/** One person, as an ADMIN of many organizations: what differs is the token's tenant alone. */
async function joinAnother(number: number): Promise<Member> {
  const { registry } = place.platform;
  const [id, slug] = [uuidv7(), `crowd-${number}-${uuidv7().slice(-6)}`];
  await insertTenant(registry, {
    id,
    slug,
    name: `canary ${slug}`,
    status: 'active',
    plan: 'free',
    databaseName: `db_${id}`,
  });
  await registry.insertInto('tenantSettings').values({ tenantId: id }).execute();
  await registry.insertInto('tenantUsage').values({ tenantId: id, users: 1 }).execute();
  await insertMember(registry, { tenantId: id, userId: own.userId, role: 'ADMIN' });
  const { accessToken } = await place.identity.startSession({ userId: own.userId, tenantId: id });
  return { tenantId: id, slug, token: accessToken };
}

const named = (value: string | string[]): Sent => ({ headers: { 'x-tenant-key': value } });

type Naming = [string, () => Sent & { query?: string }];
const mismatches: Naming[] = [
  ['S3.01 the key of another tenant', () => named(foreign.slug)],
  ['S3.02 the id of another tenant', () => named(foreign.tenantId)],
  ['S3.03 nothing', () => named('')],
  ['S3.04 its key in capitals', () => named(own.slug.toUpperCase())],
  ['S3.05 both keys in one header', () => named(`${own.slug}, ${foreign.slug}`)],
  ['S3.06 both keys in two headers', () => named([own.slug, foreign.slug])],
  ['S3.07 its key percent-encoded', () => named(`%6f${own.slug.slice(1)}`)],
  ['S3.08 its key with a wildcard', () => named(`${own.slug.slice(0, -1)}%`)],
  ['S3.09 its key with SQL after it', () => named(`${own.slug}' OR slug='${foreign.slug}`)],
  ['S3.10 a tenant that is not there', () => named('nobody-at-all')],
  ['S3.11 its id in capitals', () => named(own.tenantId.toUpperCase())],
  ['S3.12 its key between spaces', () => named(` ${own.slug} `)],
];

/** None of them is read: the token alone says whose data it is. */
const ignored: Naming[] = [
  ['S3.13 the id of another tenant in the query', () => ({ query: `?tenant_id=${foreign.tenantId}` })],
  ['S3.14 two tenants in the query', () => ({ query: `?tenant=${own.slug}&tenant=${foreign.slug}` })],
  ['S3.15 the host of another tenant', () => ({ headers: { host: `${foreign.slug}.example.com` } })],
  [
    'S3.16 the forwarded host of another tenant',
    () => ({ headers: { 'x-forwarded-host': `${foreign.slug}.example.com` } }),
  ],
  ['S3.17 Forwarded', () => ({ headers: { forwarded: `host=${foreign.slug}.example.com` } })],
  ['S3.18 X-Tenant-Id', () => ({ headers: { 'x-tenant-id': foreign.tenantId } })],
  [
    'S3.19 X-Original-URL',
    () => ({ headers: { 'x-original-url': `/api/admin/tenants/${foreign.tenantId}` } }),
  ],
  [
    'S3.20 a cookie',
    () => ({ headers: { cookie: `tenant=${foreign.slug}; tenant_id=${foreign.tenantId}` } }),
  ],
];

describe('the tenant of a request', () => {
  it.each(mismatches)('%s in X-Tenant-Key is refused, reading and writing', async (_name, make) => {
    const before = await place.state();
    const sent = { ...make(), token: own.token };
    const answers = [
      await place.send('GET', '/api/tenant', sent),
      await place.send('PATCH', '/api/tenant', { ...sent, body: { name: 'Mallory' } }),
      await place.send('GET', '/api/data/companies', sent),
    ];
    for (const answer of answers)
      expect([answer.statusCode, answer.json().code]).toEqual([403, 'tenant_mismatch']);
    expect(await place.state()).toEqual(before);
  });

  it.each(ignored)('%s changes nothing', async (_name, make) => {
    const sent = make();
    const answer = await place.send('GET', `/api/tenant${sent.query ?? ''}`, { ...sent, token: own.token });
    expect([answer.statusCode, answer.json().data.id]).toEqual([200, own.tenantId]);
    expect(answer.body).not.toContain(foreign.tenantId);
  });

  it.each([
    ['S3.21 tenant_id', { tenant_id: 'FOREIGN' }],
    ['S3.22 id', { id: 'FOREIGN' }],
    ['S3.23 slug', { slug: 'stolen' }],
  ])('%s in a body is refused', async (_name, extra) => {
    const before = await place.state();
    const body = JSON.parse(
      JSON.stringify({ name: 'Mallory', ...extra }).replace('FOREIGN', foreign.tenantId),
    );
    const answer = await place.send('PATCH', '/api/tenant', { token: own.token, body });
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_request']);
    expect(await place.state()).toEqual(before);
  });
});

it('S3.24 1,000 interleaved requests of 20 tenants: no answer and no log line of another tenant', async () => {
  const idsByRequest = new Map<string, string>();
  let next = 0;
  const wrong: string[] = [];

  async function ask(number: number): Promise<void> {
    const member = members[number % members.length];
    if (member === undefined) throw new Error('No member.');
    const requestId = `crowd-${number}`;
    idsByRequest.set(requestId, member.tenantId);
    const url = ['/api/tenant', '/api/me', '/api/tenant/users', '/api/data/companies'][number % 4] ?? '';
    const answer = await place.send('GET', url, {
      token: member.token,
      headers: { 'x-request-id': requestId },
    });
    const isRight = isOwnAnswer(url, member, answer);
    if (!isRight || answer.headers['x-request-id'] !== requestId) wrong.push(`${url} ${answer.body}`);
  }

  const clients = Array.from({ length: atOnce }, async () => {
    while (next < requestCount) await ask(next++);
  });
  await Promise.all(clients);
  expect(wrong).toEqual([]);
  const lines = place.lines
    .map((line) => JSON.parse(line))
    .filter(({ request_id: id }) => idsByRequest.has(id));
  const ofTenants = lines.filter(({ tenant_id: id }) => id !== undefined);
  expect(ofTenants.length).toBeGreaterThanOrEqual(requestCount);
  expect(ofTenants.filter(({ request_id, tenant_id }) => idsByRequest.get(request_id) !== tenant_id)).toEqual(
    [],
  );
});

type Answered = { statusCode: number; json: () => { data?: unknown; code?: string } };

/** The crowd has no databases: their rows are refused, and that, too, must not become another tenant's. */
function isOwnAnswer(url: string, { tenantId, slug }: Member, { statusCode, json }: Answered): boolean {
  const { data, code } = json();
  if (url.startsWith('/api/data')) return statusCode === 503 && code === 'tenant_database_unavailable';
  const found = data as { id: string; name: string; tenant_id: string; tenant_key: string };
  if (url === '/api/tenant') return found.id === tenantId && found.name === `canary ${slug}`;
  if (url === '/api/me') return found.tenant_id === tenantId && found.tenant_key === slug;
  return statusCode === 200 && Array.isArray(data) && data.length === 1;
}
