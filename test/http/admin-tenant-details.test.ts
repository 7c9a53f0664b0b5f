import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAdminKey } from '../../src/http/admin-key.ts';
import type { App } from '../../src/http/app.ts';
import { adminJobsRoutes } from '../../src/http/routes/admin-jobs.ts';
import { adminTenantDetailsRoutes } from '../../src/http/routes/admin-tenant-details.ts';
import { adminTenantsRoutes } from '../../src/http/routes/admin-tenants.ts';
import { createTenantLifecycle } from '../../src/provisioning/tenant-lifecycle.ts';
import { createTasks } from '../../src/tasks/request-task.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { useHttpBench } from './http-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

failOnLeaks();
const bench = useHttpBench();
let app: App;
const [tenantId, run, task] = [randomUUID(), randomUUID(), randomUUID()];

beforeAll(async () => {
  const registry = bench.database();
  const afterCommit = () => undefined;
  const lifecycle = createTenantLifecycle({ registry, now: () => new Date(), afterCommit });
  const tasks = createTasks({ registry, messages: bench.messages(), afterCommit });
  const routes = [
    adminTenantsRoutes({ registry }),
    adminTenantDetailsRoutes({ registry }),
    adminJobsRoutes({ registry, tasks, lifecycle }),
  ];
  ({ app } = await createTestApp(routes, {
    authentication: {
      verifyAccessToken: async () => expect.unreachable('nobody has a token here'),
      adminKey: createAdminKey(adminKey),
    },
  }));
  await sql`INSERT INTO tenant_registry (id, slug, name, status, plan)
    VALUES (${tenantId}, 'stuck', 'Stuck', 'requested', 'free'),
           (${randomUUID()}, 'other', 'Other', 'requested', 'free')`.execute(registry);
  await sql`INSERT INTO provisioning_runs (id, tenant_id, generation, kind, status, error_code, error_detail, attempts)
    VALUES (${run}, ${tenantId}, 1, 'provision', 'pending', 'source_database_missing', 'no "twenty" there', 3)`.execute(
    registry,
  );
  await sql`INSERT INTO tasks (id, kind, parameters, requested_by)
    VALUES (${task}, 'tenant.rotate-credentials', ${JSON.stringify({ tenant_id: tenantId })}::jsonb, 'operator root'),
           (${randomUUID()}, 'doctor.check', '{}', 'operator root')`.execute(registry);
  for (const name of ['ada', 'bob', 'cy']) {
    const id = randomUUID();
    await sql`INSERT INTO global_users (id, email, password_hash) VALUES (${id}, ${`${name}@acme.example`}, 'x')`.execute(
      registry,
    );
    await sql`INSERT INTO tenant_members (tenant_id, user_id, role) VALUES (${tenantId}, ${id}, 'USER')`.execute(
      registry,
    );
  }
});
afterAll(() => app.close());

const get = async (path: string) => {
  const answer = await inject(app, { url: `/api/admin/${path}`, headers: { 'x-admin-key': adminKey } });
  return { status: answer.statusCode, ...answer.json() };
};

test('a tenant tells what is being done with it and what is in the way', async () => {
  const { data } = await get('tenants/stuck');
  expect(data.work).toEqual({
    job_id: run,
    kind: 'tenant.provision',
    status: 'pending',
    is_being_cancelled: false,
    progress: 0,
    current_step: null,
    attempts: 3,
    error: { code: 'source_database_missing', message: 'no "twenty" there' },
    next_attempt_at: expect.any(String),
  });
  await sql`UPDATE provisioning_runs SET cancel_requested_at = now() WHERE id = ${run}`.execute(
    bench.database(),
  );
  expect((await get('tenants/stuck')).data.work.is_being_cancelled).toBe(true);
  expect((await get('tenants/other')).data.work).toBeNull();
});

test('its people are listed in pages, without what they log in with', async () => {
  const first = await get('tenants/stuck/users?limit=2');
  expect(first.data.map(({ email }: { email: string }) => email)).toEqual([
    'ada@acme.example',
    'bob@acme.example',
  ]);
  expect(Object.keys(first.data[0])).toEqual(['id', 'email', 'name', 'role', 'joined_at']);
  const second = await get(`tenants/${tenantId}/users?limit=2&cursor=${first.page.next_cursor}`);
  expect([second.data[0].email, second.page.next_cursor]).toEqual(['cy@acme.example', null]);
  expect((await get('tenants/nobody/users')).status).toBe(404);
});

test('its jobs are its runs and the tasks about it, and nobody else’s', async () => {
  const { data } = await get('tenants/stuck/jobs');
  expect(new Set(data.map(({ id }: { id: string }) => id))).toEqual(new Set([run, task]));
  expect((await get('tenants/other/jobs')).data).toEqual([]);
});

test.each([
  ['tenants?plan=nope', 'plan', /^must be one of .*\bfree\b/],
  ['jobs?kind=nope', 'kind', /^must be one of .*\btenant\.provision\b/],
  ['jobs?status=nope', 'status', /^must be one of pending, processing, completed/],
  ['tenants?status=nope', 'status.0', /^must be one of .*\bactive\b/],
  ['jobs/nope', 'id', /^must be an id such as /],
])('%s is refused with what there is', async (path, field, sentence) => {
  const { status, errors } = await get(path);
  expect([status, errors]).toEqual([400, [{ path: field, message: expect.stringMatching(sentence) }]]);
});
