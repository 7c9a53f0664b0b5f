import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAdminKey } from '../../src/http/admin-key.ts';
import type { App } from '../../src/http/app.ts';
import { adminJobsRoutes } from '../../src/http/routes/admin-jobs.ts';
import { createTenantLifecycle } from '../../src/provisioning/tenant-lifecycle.ts';
import { createTasks, type TaskRequests } from '../../src/tasks/request-task.ts';
import { createTaskRunner } from '../../src/tasks/run-task.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { useHttpBench } from './http-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

failOnLeaks();
const bench = useHttpBench();
let app: App;
let tasks: TaskRequests;

const tenantId = '0199a0aa-0000-7000-8000-00000000000a';
const [olderRun, newerRun] = ['0199a0aa-0000-4000-8000-00000000000b', '0199a0aa-0000-4000-8000-00000000000c'];
const headers = { 'x-admin-key': adminKey };
const get = async (url: string) => (await inject(app, { url: `/api/admin/jobs${url}`, headers })).json();
const post = (url: string) => inject(app, { method: 'POST', url: `/api/admin/jobs${url}`, headers });
const ask = () =>
  tasks.requestTask({
    kind: 'reconcile.plan',
    parameters: { depth: 'catalog' },
    actor: { kind: 'operator', id: 'root' },
    requestId: 'test',
  });

beforeAll(async () => {
  const registry = bench.database();
  tasks = createTasks({ registry, messages: bench.messages(), afterCommit: () => undefined });
  const lifecycle = createTenantLifecycle({ registry, now: () => new Date(), afterCommit: () => undefined });
  ({ app } = await createTestApp([adminJobsRoutes({ registry, tasks, lifecycle })], {
    authentication: {
      verifyAccessToken: async () => expect.unreachable('nobody has a token here'),
      adminKey: createAdminKey(adminKey),
    },
  }));
  await sql`INSERT INTO tenant_registry (id, slug, name, status, plan, generation)
    VALUES (${tenantId}, 'acme', 'ACME', 'failed', 'free', 2)`.execute(registry);
  await sql`INSERT INTO provisioning_runs (id, tenant_id, generation, kind, status, needs_attention, error_code, error_detail, created_at)
    VALUES (${olderRun}, ${tenantId}, 1, 'provision', 'cancelled', false, NULL, NULL, now() - interval '2 hours'),
           (${newerRun}, ${tenantId}, 2, 'provision', 'failed', true, 'verification_failed', 'roles remain', now() - interval '1 hour')`.execute(
    registry,
  );
});
afterAll(() => app.close());

describe('the list of jobs', () => {
  test('has tasks and runs together, the newest first, and goes on where a page ended', async () => {
    const [first, second] = [await ask(), await ask()];
    const all = await get('');
    expect(all.data.map(({ id }: { id: string }) => id)).toEqual([second, first, newerRun, olderRun]);
    const seen: string[] = [];
    let cursor = '';
    for (let page = 0; page < 4; page += 1) {
      const { data, page: next } = await get(`?limit=1${cursor}`);
      seen.push(data[0].id);
      cursor = `&cursor=${next.next_cursor}`;
      expect(next.next_cursor === null).toBe(page === 3);
    }
    expect(seen).toEqual([second, first, newerRun, olderRun]);
  });

  test('is narrowed by kind, state and need of attention', async () => {
    const ids = async (query: string) => (await get(query)).data.map(({ id }: { id: string }) => id);
    expect(await ids('?kind=tenant.provision')).toEqual([newerRun, olderRun]);
    expect(await ids('?status=cancelled')).toEqual([olderRun]);
    expect(await ids('?attention=true')).toEqual([newerRun]);
    expect(await ids('?kind=reconcile.plan&status=failed')).toEqual([]);
  });

  test('refuses a cursor that it never gave', async () => {
    const answer = await inject(app, { url: '/api/admin/jobs?cursor=bm9uc2Vuc2U', headers });
    expect(answer.statusCode).toBe(400);
  });
});

test('a run shows its tenant, its steps and why it failed', async () => {
  await sql`INSERT INTO provisioning_steps (run_id, position, name, status)
    VALUES (${newerRun}, 0, 'place-tenant', 'done')`.execute(bench.database());
  expect((await get(`/${newerRun}`)).data).toMatchObject({
    kind: 'tenant.provision',
    slug: 'acme',
    tenant_id: tenantId,
    needs_attention: true,
    error: { code: 'verification_failed', message: 'roles remain' },
    steps: [{ name: 'place-tenant', status: 'done' }],
  });
});

test('a task shows what was asked and what came of it', async () => {
  const id = await ask();
  const log = createLogger({ level: 'silent', service: 'test' });
  const handlers = { 'reconcile.plan': async () => ({ findings: [] }) };
  await createTaskRunner({ registry: bench.database(), handlers, log })(id, new AbortController().signal);
  expect((await get(`/${id}`)).data).toMatchObject({
    kind: 'reconcile.plan',
    status: 'completed',
    parameters: { depth: 'catalog' },
    result: { findings: [] },
    requested_by: 'operator root',
  });
});

test('a task is cancelled, begun anew, and not cancelled twice', async () => {
  const id = await ask();
  expect((await post(`/${id}/cancel`)).json().data).toMatchObject({ status: 'cancelled' });
  const twice = await post(`/${id}/cancel`);
  expect([twice.statusCode, twice.json().code]).toEqual([409, 'job_state_conflict']);
  expect((await post(`/${id}/retry`)).json().data).toMatchObject({ status: 'pending', error: null });
});

test('only the newest run of a tenant is begun anew', async () => {
  const older = await post(`/${olderRun}/retry`);
  expect([older.statusCode, older.json().code]).toEqual([409, 'job_state_conflict']);
  expect((await post(`/${newerRun}/retry`)).statusCode).toBe(200);
  const { rows } = await sql`SELECT status FROM tenant_registry WHERE id = ${tenantId}`.execute(
    bench.database(),
  );
  expect(rows).toEqual([{ status: 'requested' }]);
});

test('an unknown job is not found', async () => {
  const answer = await inject(app, { url: `/api/admin/jobs/${tenantId}`, headers });
  expect([answer.statusCode, answer.json().code]).toEqual([404, 'not_found']);
});
