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

describe('undelete and cancel', () => {
  it('undelete brings back what was there before, and says so', async () => {
    const { slug } = await create();
    await send('POST', `${tenants}/${slug}/suspend`, { payload: { reason: 'unpaid' } });
    await send('DELETE', `${tenants}/${slug}`);
    const answer = await send('POST', `${tenants}/${slug}/undelete`);
    expect([answer.statusCode, answer.json().data]).toMatchObject([
      200,
      { status: 'suspended', status_reason: 'unpaid', deleting_at: null, purge_after: null },
    ]);
    expect((await send('POST', `${tenants}/${slug}/undelete`)).json()).toMatchObject({
      status: 409,
      code: 'state_conflict',
    });
  });

  it('cancel answers with the run in which it happens, and the same when it is asked twice', async () => {
    bench.onRequest(async () => undefined);
    const { json, statusCode } = await send('POST', tenants, {
      payload: organization(),
      headers: { prefer: 'respond-async' },
    });
    expect(statusCode).toBe(202);
    const { tenant_id: id, provisioning_id: runId } = json().data;
    for (let time = 1; time <= 2; time += 1) {
      const answer = await send('POST', `${tenants}/${id}/cancel`, { payload: { reason: 'twice' } });
      expect([answer.statusCode, answer.json().data]).toMatchObject([202, { provisioning_id: runId }]);
      expect(answer.json().message).toBe('Cancellation started');
      expect(answer.headers.location).toBe(`/api/auth/provisioning-status/${runId}`);
    }
    expect(await lastAudit(id)).toMatchObject({
      action: 'tenant.cancel_requested',
      after: { reason: 'twice' },
    });
  });

  it('cancel waits as long as the caller prefers, and shows how it ended', async () => {
    bench.onRequest(async () => undefined);
    const asked = await send('POST', tenants, {
      payload: organization(),
      headers: { prefer: 'respond-async' },
    });
    const { tenant_id: id, provisioning_id: runId } = asked.json().data;
    bench.onRequest(bench.cancel);
    const answer = await send('POST', `${tenants}/${id}/cancel`, { headers: { prefer: 'wait=20' } });
    expect([answer.statusCode, answer.json().data]).toMatchObject([200, { status: 'failed' }]);
    const progress = await inject(app, { url: `/api/auth/provisioning-status/${runId}` });
    expect(progress.json().data).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
  });

  it('cancel of an active tenant is refused, with what to do instead', async () => {
    const { slug } = await create();
    const answer = await send('POST', `${tenants}/${slug}/cancel`);
    expect(answer.json()).toMatchObject({
      status: 409,
      code: 'state_conflict',
      detail: expect.stringMatching(/that is active cannot be cancelled: delete it/),
    });
  });
});

describe('a tenant that needs attention', () => {
  it('is listed, counted and shown', async () => {
    const { tenant_id: id } = await create();
    const before = (await get('/api/admin/stats')).json().data.tenants.needing_attention;
    await sql`UPDATE provisioning_runs SET needs_attention = true WHERE tenant_id = ${id}`.execute(
      bench.database(),
    );
    const listed = await get(`${tenants}?attention=true`);
    expect(listed.json().data.map((each: { id: string }) => each.id)).toContain(id);
    const others = await get(`${tenants}?attention=false&limit=200`);
    expect(others.json().data.map((each: { id: string }) => each.id)).not.toContain(id);
    expect((await get(`${tenants}/${id}`)).json().data.needs_attention).toBe(true);
    await expect
      .poll(async () => (await get('/api/admin/stats')).json().data.tenants.needing_attention)
      .toBe(before + 1);
  });
});
