import { randomUUID } from 'node:crypto';
import type { InjectOptions } from 'fastify';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { App } from '../../src/http/app.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { organization, useApiBench } from './api-bench.ts';
import { adminKey, inject } from './test-app.ts';

failOnLeaks();
const bench = useApiBench();
let app: App;

beforeAll(async () => {
  app = await bench.startApi();
});
afterAll(() => app.close());
beforeEach(() => bench.onRequest(bench.complete));

const headers = { 'x-admin-key': adminKey };
const tenants = '/api/admin/tenants';

const get = (url: string) => inject(app, { url, headers });
const send = (method: 'POST' | 'DELETE', url: string, more: Partial<InjectOptions> = {}) =>
  inject(app, { method, url, ...more, headers: { ...headers, ...more.headers } });

async function create(over: Record<string, unknown> = {}) {
  const answer = await send('POST', tenants, { payload: organization(over) });
  expect(answer.statusCode).toBe(201);
  return answer.json().data as { tenant_id: string; slug: string; provisioning_id: string };
}

async function lastAudit(tenantId: string) {
  return bench
    .database()
    .selectFrom('auditLog')
    .selectAll()
    .where('tenantId', '=', tenantId)
    .orderBy('id', 'desc')
    .executeTakeFirstOrThrow();
}

describe('an operator', () => {
  it('creates a tenant of any plan, without getting tokens of its owner', async () => {
    const answer = await send('POST', tenants, { payload: organization({ plan: 'enterprise' }) });
    expect(answer.statusCode).toBe(201);
    expect(answer.headers.location).toBe(`${tenants}/${answer.json().data.tenant_id}`);
    expect(answer.body).not.toMatch(/token/);
    expect(await lastAudit(answer.json().data.tenant_id)).toMatchObject({
      actorKind: 'operator',
      actorId: 'root',
      action: 'tenant.requested',
    });
  });

  it('sees exactly what is promised of a tenant, and no secret', async () => {
    const { tenant_id: id, slug } = await create({ plan: 'pro', organization_name: 'Seen Ltd' });
    await sql`UPDATE tenant_registry SET sealed_application_password = 'CANARY', sealed_data_key = 'CANARY'
      WHERE id = ${id}`.execute(bench.database());
    const list = await get(`${tenants}?q=seen`);
    expect(list.json()).toEqual({
      success: true,
      data: [
        {
          id,
          slug,
          tenant_key: slug,
          name: 'Seen Ltd',
          mode: 'shared',
          status: 'active',
          plan: 'pro',
          region: 'default',
          server: null,
          database_name: `db_${id}`,
          users: 1,
          database_size_bytes: null,
          created_at: expect.stringMatching(/Z$/),
          last_activity_at: null,
          schema_version: null,
        },
      ],
      page: { next_cursor: null },
    });
    const byId = await get(`${tenants}/${id}`);
    const bySlug = await get(`${tenants}/${slug}`);
    expect(byId.json().data).toMatchObject({ id, status_reason: null, tags: [], purge_after: null });
    expect(bySlug.body).toBe(byId.body);
    expect(list.body + byId.body).not.toMatch(/CANARY|sealed|password/);
  });

  it.each(['nobody-here', randomUUID(), 'NotASlug', '%00', "'%20OR%201=1"])('finds no %s', async (id) => {
    const answer = await get(`${tenants}/${id}`);
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'tenant_not_found']);
  });

  it('suspends and activates, with a reason, and it is in the audit log', async () => {
    const { tenant_id: id, slug } = await create();
    const suspended = await send('POST', `${tenants}/${slug}/suspend`, { payload: { reason: 'unpaid' } });
    expect([suspended.statusCode, suspended.json().data]).toMatchObject([
      200,
      { id, status: 'suspended', status_reason: 'unpaid', suspended_at: expect.any(String) },
    ]);
    expect(await lastAudit(id)).toMatchObject({
      actorKind: 'operator',
      action: 'tenant.suspended',
      before: { status: 'active' },
      after: { status: 'suspended', reason: 'unpaid' },
      requestId: suspended.headers['x-request-id'],
    });
    const twice = await send('POST', `${tenants}/${id}/suspend`);
    expect([twice.statusCode, twice.json().code]).toEqual([409, 'state_conflict']);
    const activated = await send('POST', `${tenants}/${id}/activate`);
    expect(activated.json().data).toMatchObject({ status: 'active', status_reason: null });
  });

  it('needs no body for an action, whatever the content type says', async () => {
    const { slug } = await create();
    const withType = { headers: { 'content-type': 'application/json' } };
    expect((await send('POST', `${tenants}/${slug}/suspend`, withType)).statusCode).toBe(200);
    const refused = await send('POST', `${tenants}/${slug}/activate`, { payload: { why: 'x' } });
    expect([refused.statusCode, refused.json().errors[0].path]).toEqual([400, 'why']);
  });

  it('retries what has failed', async () => {
    bench.onRequest(bench.fail);
    const answer = await send('POST', tenants, { payload: organization() });
    expect(answer.statusCode).toBe(202);
    const { tenant_id: id } = answer.json().data;
    bench.onRequest(bench.complete);
    const retried = await send('POST', `${tenants}/${id}/retry`, { headers: { prefer: 'wait=20' } });
    expect([retried.statusCode, retried.json().data.status]).toEqual([200, 'active']);
    expect(retried.headers['preference-applied']).toBe('wait=20');
    expect((await send('POST', `${tenants}/${id}/retry`)).json().code).toBe('state_conflict');
  });
});

describe('deletion', () => {
  it('is soft, for 30 days or as many as asked for', async () => {
    const dayMs = 86_400_000;
    for (const [query, days] of [
      ['', 30],
      ['?grace_days=0', 0],
      ['?grace_days=7', 7],
    ] as const) {
      const { slug } = await create();
      const answer = await send('DELETE', `${tenants}/${slug}${query}`);
      const { status, deleting_at, purge_after } = answer.json().data;
      expect([answer.statusCode, status]).toEqual([200, 'deleting']);
      const grace = Date.parse(purge_after) - Date.parse(deleting_at);
      expect(Math.round(grace / dayMs)).toBe(days);
    }
  });

  it('for good needs the slug as confirmation', async () => {
    const { tenant_id: id, slug } = await create();
    for (const confirm of ['', '&confirm=', `&confirm=${id}`, '&confirm=other']) {
      const answer = await send('DELETE', `${tenants}/${id}?purge=true${confirm}`);
      expect([answer.statusCode, answer.json().code]).toEqual([400, 'confirmation_required']);
    }
    bench.onRequest(async () => undefined);
    const answer = await send('DELETE', `${tenants}/${id}?purge=true&confirm=${slug}`);
    expect([answer.statusCode, answer.json().data]).toMatchObject([
      202,
      { status: 'pending', tenant_id: id, slug },
    ]);
    expect(answer.headers.location).toContain(answer.json().data.provisioning_id);
    expect((await get(`${tenants}/${id}`)).json().data.status).toBe('purging');
  });

  it.each(['grace_days=-1', 'grace_days=1e9', 'grace_days=x', 'purge=perhaps', 'force=true'])(
    'refuses %s',
    async (query) => {
      const { slug } = await create();
      expect((await send('DELETE', `${tenants}/${slug}?${query}`)).statusCode).toBe(400);
      expect((await get(`${tenants}/${slug}`)).json().data.status).toBe('active');
    },
  );
});

describe('stats', () => {
  it('count tenants and the registrations of 30 days', async () => {
    await create({ plan: 'pro' });
    const answer = await get('/api/admin/stats');
    expect(answer.statusCode).toBe(200);
    const { data } = answer.json();
    const { count } = (await bench
      .database()
      .selectFrom('tenantRegistry')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('status', '<>', 'deleted')
      .executeTakeFirst()) ?? { count: -1 };
    expect(data.tenants.total).toBe(count);
    expect(data.tenants.by_status.active).toBeGreaterThan(0);
    expect(data.tenants.by_plan.pro).toBeGreaterThan(0);
    expect(data.registrations_per_day).toHaveLength(30);
    expect(data.registrations_per_day.at(-1)).toEqual({
      date: new Date().toISOString().slice(0, 10),
      count: expect.any(Number),
    });
    expect(data.registrations_per_day.at(-1).count).toBeGreaterThan(0);
    expect(data).toMatchObject({
      database_size_bytes: null,
      queue: { waiting: 2 },
      connections: { open: 3 },
    });
  });
});

describe('anyone else', () => {
  it.each([
    ['GET', tenants],
    ['POST', tenants],
    ['GET', `${tenants}/x`],
    ['DELETE', `${tenants}/x`],
    ['POST', `${tenants}/x/suspend`],
    ['POST', `${tenants}/x/activate`],
    ['POST', `${tenants}/x/retry`],
    ['POST', `${tenants}/x/undelete`],
    ['POST', `${tenants}/x/cancel`],
    ['GET', '/api/admin/stats'],
  ] as const)('is refused at %s %s', async (method, url) => {
    expect((await inject(app, { method, url })).statusCode).toBe(401);
  });
});
