import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/http/app.ts';
import { adminTemplatesRoutes } from '../../src/http/routes/admin-templates.ts';
import { createTemplateAdditions } from '../../src/provisioning/template-additions.ts';
import { createTasks } from '../../src/tasks/request-task.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

failOnLeaks();

let bench: Bench;
let app: App;
let shop: string;

beforeAll(async () => {
  bench = await createProvisioningBench({
    environment: { TEMPLATE_REFRESH_SCHEDULE: '0 0 1 1 *', WARM_POOL_SIZE: '0' },
  });
  await bench.assembly.firstLook;
  const { registry, messages } = bench.platform;
  const tasks = createTasks({ registry, messages, afterCommit: bench.assembly.kick });
  const routes = [
    adminTemplatesRoutes({ registry, addTemplate: createTemplateAdditions({ registry }), tasks }),
  ];
  ({ app } = await createTestApp(routes));
  shop = `shop_${bench.sourceName}`;
  await bench.runOn('postgres', `CREATE DATABASE ${shop}`);
  await bench.runOn(shop, 'CREATE TABLE public.baskets (id int PRIMARY KEY)');
});
afterAll(async () => {
  await app.close();
  await bench.stop();
});

/** Works at the source, where the search path finds the function that it calls, and in no restore. */
/** Only a superuser may set this; the restore runs as none. */
const unrestorable =
  "CREATE FUNCTION public.g() RETURNS int LANGUAGE sql SET log_statement = 'none' AS 'SELECT 1'";

const templates = '/api/admin/templates';
const headers = { 'x-admin-key': adminKey };
const get = async (url: string) => (await inject(app, { url, headers })).json();
const post = (url: string, payload?: object, more: Record<string, string> = {}) =>
  inject(app, { method: 'POST', url, headers: { ...headers, ...more }, ...(payload && { payload }) });

describe('an operator', () => {
  it('sees a template with its version, its copy and no drift', async () => {
    const { data } = await get(templates);
    expect(data).toHaveLength(1);
    expect(data[0]).toMatchObject({
      key: 'default',
      source_database: bench.sourceName,
      data_tables: [],
      trouble: null,
      drift: false,
      warm: 0,
      building: [],
      versions: [
        {
          source_fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
          copies: [{ server: 'default', status: 'ready', drift: false, tenants_in_making: 0 }],
        },
      ],
    });
    const [{ copies }] = data[0].versions;
    expect(copies[0].size_bytes).toBeGreaterThan(1_000_000);
    expect((await get(`${templates}/default`)).data).toEqual(data[0]);
    expect((await get(`${templates}/${data[0].id}`)).data).toEqual(data[0]);
  });

  it('is told in sentences what is not carried', async () => {
    await bench.runOn(bench.sourceName, `COMMENT ON DATABASE ${bench.sourceName} IS 'of the source only'`);
    await bench.runOn(bench.sourceName, 'CREATE TABLE public.more (id int)');
    const answer = await post(`${templates}/default/refresh`, undefined, { prefer: 'wait=25' });
    expect(answer.statusCode).toBe(200);
    expect(answer.json().data).toMatchObject({
      template: 'default',
      servers: [{ server: 'default', outcome: 'built' }],
    });
    const { data } = await get(`${templates}/default`);
    expect(data.versions).toHaveLength(2);
    expect(data.versions[0].not_carried).toContain(
      `Database comment ${bench.sourceName} is not carried: it tells of the source, and not of a tenant.`,
    );
  });

  it('learns that nothing has changed', async () => {
    const answer = await post(`${templates}/default/refresh`, undefined, { prefer: 'wait=25' });
    expect(answer.json().data.servers).toMatchObject([{ outcome: 'unchanged' }]);
  });

  it('need not wait for it', async () => {
    const answer = await post(`${templates}/default/refresh`, undefined, { prefer: 'respond-async' });
    expect(answer.statusCode).toBe(202);
    const { job_id: id } = answer.json().data;
    expect(answer.headers.location).toBe(`/api/admin/jobs/${id}`);
    await expect
      .poll(() =>
        bench.platform.registry
          .selectFrom('tasks')
          .select(['kind', 'status'])
          .where('id', '=', id)
          .executeTakeFirst(),
      )
      .toEqual({ kind: 'templates.refresh', status: 'completed' });
  });

  it('sees that the source has changed, and why there is no new version of it', async () => {
    await bench.runOn(bench.sourceName, unrestorable);
    const failed = await post(`${templates}/default/refresh`, undefined, { prefer: 'wait=25' });
    expect(failed.json().data).toMatchObject({
      status: 'failed',
      error: { code: 'template_restore_failed' },
    });
    expect((await get(`${templates}/default`)).data).toMatchObject({
      drift: true,
      trouble: { code: 'template_restore_failed', message: expect.stringContaining('log_statement') },
      building: [],
    });
    await bench.runOn(bench.sourceName, 'DROP FUNCTION public.g');
    const mended = await post(`${templates}/default/refresh`, undefined, { prefer: 'wait=25' });
    expect(mended.json().data.servers).toMatchObject([{ outcome: 'unchanged' }]);
    expect((await get(`${templates}/default`)).data).toMatchObject({ drift: false, trouble: null });
  });

  it('adds a template, which is built at once and given to who asks for it', async () => {
    const answer = await post(templates, {
      key: 'shop',
      source_database: shop,
      data_tables: ['public.baskets'],
    });
    expect(answer.statusCode).toBe(201);
    const { id, job_id: job } = answer.json().data;
    expect(answer.headers.location).toBe(`${templates}/${id}`);
    expect(job).toMatch(/^[0-9a-f-]{36}$/);
    await expect
      .poll(async () => (await get(`${templates}/shop`)).data.drift, { timeout: 30_000 })
      .toBe(false);
    const { runId } = await bench.request('Bookshop', { template: 'shop' });
    expect(await bench.provisioning.waitForRun(runId, 30_000)).toMatchObject({ status: 'completed' });
    const audited = await bench.platform.registry
      .selectFrom('auditLog')
      .select(['actorKind', 'after'])
      .where('action', '=', 'template.added')
      .execute();
    expect(audited).toMatchObject([{ actorKind: 'operator', after: { key: 'shop', sourceDatabase: shop } }]);
  });

  it('sees what is in the way of a template without a source, and a refresh of it fails', async () => {
    const source = `nowhere_${bench.sourceName}`;
    await post(templates, { key: 'nowhere', source_database: source });
    const answer = await post(`${templates}/nowhere/refresh`, undefined, { prefer: 'wait=25' });
    expect(answer.statusCode).toBe(202);
    expect(answer.json().data).toMatchObject({
      status: 'failed',
      error: { code: 'source_database_missing', message: expect.stringContaining(source) },
    });
    expect((await get(`${templates}/nowhere`)).data).toMatchObject({
      drift: null,
      versions: [],
      trouble: { code: 'source_database_missing', message: expect.stringContaining(source) },
    });
    const { data } = await get(templates);
    expect(data.map(({ key }: { key: string }) => key)).toEqual(['default', 'shop', 'nowhere']);
  });
});

describe('refused is', () => {
  it.each([
    ['a key with capitals', { key: 'Shop' }, 'key'],
    ['a key that looks like an id', { key: '0199a0aa-0000-7000-8000-000000000001' }, 'key'],
    ['a source with a name that cannot be', { source_database: 'x'.repeat(64) }, 'source_database'],
    ['a source with control characters', { source_database: 'a\u0000b' }, 'source_database'],
    ['something unknown', { color: 'red' }, 'color'],
  ])('%s', async (_, wrong, field) => {
    const answer = await post(templates, { key: 'other', source_database: 'other', ...wrong });
    expect(answer.statusCode).toBe(400);
    expect(JSON.stringify(answer.json().errors)).toContain(field);
  });

  it('a key that is taken', async () => {
    const answer = await post(templates, { key: 'default', source_database: 'other' });
    expect(answer.statusCode).toBe(409);
    expect(answer.json().code).toBe('template_exists');
  });

  it('a tenant’s database as a source: the platform’s login must run nothing that a tenant left there', async () => {
    const { runId, tenantId } = await bench.request('Sneaky');
    await bench.provisioning.waitForRun(runId, 30_000);
    const { databaseName } = await bench.platform.registry
      .selectFrom('tenantRegistry')
      .select('databaseName')
      .where('id', '=', tenantId)
      .executeTakeFirstOrThrow();
    const answer = await post(templates, { key: 'sneaky', source_database: databaseName });
    expect(answer.statusCode).toBe(400);
    expect(answer.json().errors).toMatchObject([{ path: 'source_database' }]);
  });

  it.each(['nothing', '0199a0aa-0000-7000-8000-000000000009', 'a%00b', 'UPPER'])('to know %s', async (id) => {
    const shown = await inject(app, { url: `${templates}/${id}`, headers });
    expect([shown.statusCode, shown.json().code]).toEqual([404, 'not_found']);
    expect((await post(`${templates}/${id}/refresh`)).statusCode).toBe(404);
  });

  it('everybody without the key', async () => {
    expect((await inject(app, { url: templates })).statusCode).toBe(401);
    const added = await inject(app, {
      method: 'POST',
      url: templates,
      payload: { key: 'x', source_database: 'x' },
    });
    expect(added.statusCode).toBe(401);
  });
});
