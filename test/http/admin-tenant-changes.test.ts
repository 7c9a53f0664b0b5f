import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { createAdminKey } from '../../src/http/admin-key.ts';
import type { App } from '../../src/http/app.ts';
import { adminTenantChangesRoutes } from '../../src/http/routes/admin-tenant-changes.ts';
import { adminTenantLifecycleRoutes } from '../../src/http/routes/admin-tenant-lifecycle.ts';
import { createTenantAmendments } from '../../src/provisioning/amend-tenant.ts';
import { createTenantLifecycle } from '../../src/provisioning/tenant-lifecycle.ts';
import { createTasks } from '../../src/tasks/request-task.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { useHttpBench } from './http-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

failOnLeaks();
const bench = useHttpBench();
let app: App;
const told: string[] = [];
const server = randomUUID();

beforeAll(async () => {
  const registry = bench.database();
  const messages = bench.messages();
  const afterCommit = () => undefined;
  await sql`INSERT INTO database_servers (id, name, host, port, region, tls)
    VALUES (${server}, 'primary', 'db.example', 5432, 'default', '{"mode":"disable"}')`.execute(registry);
  messages.on('tenant.changed', ({ tenantId }) => told.push(tenantId));
  messages.on('caches.cleared', () => told.push('all'));
  const lifecycle = createTenantLifecycle({ registry, now: () => new Date(), afterCommit });
  const routes = [
    adminTenantChangesRoutes({
      registry,
      amendTenant: createTenantAmendments({ registry }),
      tasks: createTasks({ registry, messages, afterCommit }),
    }),
    adminTenantLifecycleRoutes({ registry, lifecycle, waitForRun: async () => undefined }),
  ];
  ({ app } = await createTestApp(routes, {
    authentication: {
      verifyAccessToken: async () => expect.unreachable('nobody has a token here'),
      adminKey: createAdminKey(adminKey),
    },
  }));
});
afterAll(() => app.close());

async function plant(status = 'active') {
  const id = randomUUID();
  const slug = `t-${id.slice(0, 8)}`;
  const name = ['failed', 'requested', 'deleted'].includes(status) ? null : `db_${id}`;
  await sql`INSERT INTO tenant_registry (id, slug, name, status, plan, database_name, server_id)
    VALUES (${id}, ${slug}, 'ACME', ${status}::tenant_status, 'free', ${name}, ${server})`.execute(
    bench.database(),
  );
  return { id, slug };
}

const send = (method: 'PATCH' | 'POST', url: string, payload?: object) =>
  inject(app, {
    method,
    url: `/api/admin/${url}`,
    headers: { 'x-admin-key': adminKey },
    ...(payload && { payload }),
  });

const auditOf = (id: string) =>
  bench
    .database()
    .selectFrom('auditLog')
    .select(['action', 'actorKind', 'before', 'after', 'requestId'])
    .where('tenantId', '=', id)
    .orderBy('id')
    .execute();

const rowOf = (id: string) =>
  bench.database().selectFrom('tenantRegistry').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

describe('a tenant is changed', () => {
  it('in name, plan, region and tags, told to all and written down with what was before', async () => {
    const { id, slug } = await plant();
    const change = { name: 'ACME Ltd', plan: 'pro', region: 'eu', tags: ['vip', 'früh'] };
    const answer = await send('PATCH', `tenants/${slug}`, { ...change, reason: 'upgrade' });
    expect([answer.statusCode, answer.json().data]).toMatchObject([200, { id, ...change }]);
    await expect.poll(() => told).toContain(id);
    expect(await auditOf(id)).toEqual([
      {
        action: 'tenant.changed',
        actorKind: 'operator',
        before: { name: 'ACME', plan: 'free', region: 'default', tags: [] },
        after: { ...change, reason: 'upgrade' },
        requestId: answer.headers['x-request-id'],
      },
    ]);
  });

  it('in nothing where nothing is different, of which nothing is written down', async () => {
    const { id } = await plant();
    const answer = await send('PATCH', `tenants/${id}`, { name: 'ACME', tags: [] });
    expect(answer.statusCode).toBe(200);
    expect(await auditOf(id)).toEqual([]);
  });

  it('by two at once without losing what either said', async () => {
    const { id } = await plant();
    const answers = await Promise.all([
      send('PATCH', `tenants/${id}`, { name: 'One' }),
      send('PATCH', `tenants/${id}`, { tags: ['other'] }),
    ]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
    expect(await rowOf(id)).toMatchObject({ name: 'One', tags: ['other'] });
  });

  test.each([
    ['nothing', {}, 'body'],
    ['a reason alone', { reason: 'why' }, 'body'],
    ['an unknown plan', { plan: 'nope' }, 'plan'],
    ['an empty name', { name: ' ' }, 'name'],
    ['a status', { status: 'active' }, 'status'],
    ['a slug', { slug: 'other' }, 'slug'],
    ['a tag twice', { tags: ['a', 'a'] }, 'tags'],
    ['51 tags', { tags: Array.from({ length: 51 }, (_, at) => `t${at}`) }, 'tags'],
    ['a tag with a line end', { tags: ['a\nb'] }, 'tags.0'],
    ['a number for a name', { name: 7 }, 'name'],
  ])('not by %s', async (_what, payload, path) => {
    const { id } = await plant();
    const before = await rowOf(id);
    const answer = await send('PATCH', `tenants/${id}`, payload);
    expect([answer.statusCode, answer.json().errors?.[0]?.path]).toEqual([400, path]);
    expect(await rowOf(id)).toEqual(before);
    expect(await auditOf(id)).toEqual([]);
  });

  it('not once it is gone', async () => {
    const { id } = await plant('deleted');
    const answer = await send('PATCH', `tenants/${id}`, { name: 'Ghost' });
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'state_conflict']);
  });
});

describe('maintenance and read-only', () => {
  test.each([
    { action: 'maintenance', from: 'active', to: 'maintenance', audited: 'tenant.put_into_maintenance' },
    { action: 'maintenance', from: 'read_only', to: 'maintenance', audited: 'tenant.put_into_maintenance' },
    { action: 'read-only', from: 'active', to: 'read_only', audited: 'tenant.made_read_only' },
    { action: 'read-only', from: 'maintenance', to: 'read_only', audited: 'tenant.made_read_only' },
  ])('$action takes a tenant that is $from to $to', async ({ action, from, to, audited }) => {
    const { id } = await plant(from);
    const answer = await send('POST', `tenants/${id}/${action}`, { reason: 'because' });
    expect([answer.statusCode, answer.json().data]).toMatchObject([
      200,
      { status: to, status_reason: 'because' },
    ]);
    expect(await auditOf(id)).toMatchObject([
      { action: audited, before: { status: from }, after: { status: to, reason: 'because' } },
    ]);
    const back = await send('POST', `tenants/${id}/activate`);
    expect(back.json().data).toMatchObject({ status: 'active', status_reason: null });
  });

  test.each(
    ['maintenance', 'read-only'].flatMap((action) =>
      ['suspended', 'failed', 'deleting', 'requested'].map((from) => [action, from]),
    ),
  )('%s is refused for one that is %s', async (action = '', from = '') => {
    const { id } = await plant(from);
    const answer = await send('POST', `tenants/${id}/${action}`);
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'state_conflict']);
    expect((await rowOf(id)).status).toBe(from);
  });
});

describe('credentials', () => {
  it('are rotated by a task that carries who asked and why, and no secret', async () => {
    const { id } = await plant();
    const answer = await inject(app, {
      method: 'POST',
      url: `/api/admin/tenants/${id}/rotate-credentials`,
      headers: { 'x-admin-key': adminKey, prefer: 'respond-async' },
      payload: { reason: 'leaked' },
    });
    expect(answer.statusCode).toBe(202);
    const task = await bench
      .database()
      .selectFrom('tasks')
      .selectAll()
      .where('id', '=', answer.json().data.job_id)
      .executeTakeFirstOrThrow();
    expect(task).toMatchObject({
      kind: 'tenant.rotate-credentials',
      parameters: { tenant_id: id, reason: 'leaked', actor: { kind: 'operator', id: 'root' } },
    });
  });

  test.each(['failed', 'requested', 'deleting'])('of one that is %s are left alone', async (status) => {
    const { id } = await plant(status);
    const answer = await send('POST', `tenants/${id}/rotate-credentials`);
    expect([answer.statusCode, answer.json().code]).toEqual([409, 'state_conflict']);
  });
});

test('caches are cleared of one tenant, or of all, and who did it is written down', async () => {
  const { id } = await plant();
  told.length = 0;
  await send('POST', `tenants/${id}/clear-cache`, { reason: 'odd' });
  await send('POST', 'caches/clear');
  await expect.poll(() => told).toEqual([id, 'all']);
  expect(await auditOf(id)).toMatchObject([{ action: 'cache.cleared', after: { reason: 'odd' } }]);
});
