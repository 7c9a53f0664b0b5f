import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireTenant } from '../../src/http/plugins/tenant.ts';
import type { TenantStatus } from '../../src/registry/tables.generated.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import { bearer, createDataApp, type DataApp } from './data-app.ts';
import { inject } from './test-app.ts';

failOnLeaks();

const tenantCount = 20;
/** Of each tenant; CANARY_REQUESTS=2000 for the long run. */
const requestCount = Number(process.env.CANARY_REQUESTS ?? 500);
const clientCount = 40;

const schema = `CREATE TABLE note (tenant text, id int);
  CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config('app.left', NEW.tenant, false); RETURN NEW; END $$;
  CREATE TRIGGER leave BEFORE INSERT ON note FOR EACH ROW EXECUTE FUNCTION leave();`;

const other: FastifyPluginAsyncZod = async (api) => {
  api.get('/tenant', { config: { access: 'tenant-member' } }, async (request) => {
    const { lease: _, withDatabase, ...tenant } = requireTenant(request);
    const { rows } = await withDatabase((client) => client.query('SELECT current_database() AS name'));
    return { ...tenant, database: rows[0].name };
  });
  api.post('/write', { config: { access: 'tenant-admin' } }, async () => ({}));
  api.get('/open', { config: { access: 'anyone' } }, async (request) => ({
    has: request.tenant !== undefined,
  }));
  api.get('/forgetful', { config: { access: 'tenant-member' } }, async (request) => {
    await requireTenant(request).lease();
    return {};
  });
};

let place: TenantPlace;
let tenants: TestTenant[];
let data: DataApp;

beforeAll(async () => {
  place = await createTenantPlace();
  tenants = [];
  for (let count = 0; count < tenantCount; count += 1) {
    const tenant = await place.makeTenant(schema);
    await place.inDatabase(tenant.database, `INSERT INTO note SELECT '${tenant.id}', generate_series(1, 3)`);
    tenants.push(tenant);
  }
  data = await createDataApp(place, {
    maxConnections: 12,
    limits: { leaseTimeoutMs: 60_000 },
    extraRoutes: [other],
  });
});
afterAll(async () => {
  await data.close();
  await place.drop();
});

const tenantAt = (index: number): TestTenant => {
  const tenant = tenants[index % tenants.length];
  if (tenant === undefined) throw new Error('No tenant.');
  return tenant;
};

describe('the tenant of a request', () => {
  it('is the one that the token names', async () => {
    const tenant = tenantAt(0);
    const answer = await inject(data.app, { url: '/tenant', headers: bearer(tenant) });
    expect(answer.json()).toEqual({
      id: tenant.id,
      slug: tenant.slug,
      name: 'Test tenant',
      status: 'active',
      plan: 'free',
      userAccess: 'write',
      database: tenant.database,
    });
  });

  it.each([
    ['its key', (tenant: TestTenant) => tenant.slug, 200],
    ['its id', (tenant: TestTenant) => tenant.id, 200],
    ['another key', () => tenantAt(1).slug, 403],
    ['another id', () => tenantAt(1).id, 403],
    ['nothing', () => '', 403],
    ['its key in capitals', (tenant: TestTenant) => tenant.slug.toUpperCase(), 403],
    [
      'its key and another, as Node joins them',
      (tenant: TestTenant) => `${tenant.slug}, ${tenantAt(1).slug}`,
      403,
    ],
    ['several', (tenant: TestTenant) => [tenant.slug, tenant.slug], 403],
  ])('may be named by the header: %s', async (...[, named, status]) => {
    const tenant = tenantAt(0);
    const headers = { ...bearer(tenant), 'x-tenant-key': named(tenant) };
    const answer = await inject(data.app, { url: '/tenant', headers: headers as Record<string, string> });
    expect(answer.statusCode).toBe(status);
    if (status === 403) expect(answer.json().code).toBe('tenant_mismatch');
  });

  it('cannot be changed by query, path or body', async () => {
    const tenant = tenantAt(0);
    const foreign = tenantAt(1).id;
    const answer = await inject(data.app, {
      url: `/tenant?tenant=${foreign}&tenant_id=${foreign}&tenant_id=${foreign}`,
      headers: { ...bearer(tenant), host: `${tenantAt(1).slug}.example`, 'x-forwarded-host': 'x' },
    });
    expect(answer.json().database).toBe(tenant.database);
  });

  it('is none where nobody is asked who he is', async () => {
    expect((await inject(data.app, { url: '/open', headers: bearer(tenantAt(0)) })).json()).toEqual({
      has: false,
    });
  });

  it.each(['00000000-0000-7000-8000-000000000000', 'no-uuid'])('that does not exist: %s', async (id) => {
    const answer = await inject(data.app, { url: '/tenant', headers: bearer({ id }) });
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'tenant_not_found']);
  });

  it('gets back what a handler forgot', async () => {
    for (let count = 0; count < 20; count += 1) {
      expect((await inject(data.app, { url: '/forgetful', headers: bearer(tenantAt(2)) })).statusCode).toBe(
        200,
      );
    }
    await expect.poll(() => data.routing.stats().leased).toBe(0);
  });
});

describe('a tenant in another state', () => {
  const cases: [TenantStatus, number, string, string | undefined][] = [
    ['suspended', 409, 'tenant_suspended', undefined],
    ['failed', 409, 'tenant_failed', undefined],
    ['deleting', 409, 'tenant_deleted', undefined],
    ['purging', 409, 'tenant_deleted', undefined],
    ['deleted', 409, 'tenant_deleted', undefined],
    ['requested', 503, 'tenant_provisioning', '5'],
    ['provisioning', 503, 'tenant_provisioning', '5'],
    ['maintenance', 503, 'tenant_maintenance', '30'],
    ['frozen', 503, 'tenant_frozen', '10'],
  ];

  it.each(cases)('%s', async (...[status, code, name]) => {
    const tenant = tenantAt(3);
    await place.setStatus(tenant, status);
    const ask = (url: string) => inject(data.app, { url, headers: bearer(tenant) });
    await expect.poll(async () => (await ask('/tenant')).statusCode).toBe(code);
    const elsewhere = await ask('/tenant');
    expect([elsewhere.json().code, elsewhere.headers['content-type']]).toEqual([
      name,
      'application/problem+json; charset=utf-8',
    ]);
    const rows = await ask('/api/data/note');
    expect([rows.statusCode, rows.json()]).toEqual([
      code,
      { code: name, message: expect.any(String), details: null, hint: null },
    ]);
    expect(rows.headers['retry-after'] !== undefined).toBe(code === 503);
    await place.setStatus(tenant, 'active');
    await expect.poll(async () => (await ask('/tenant')).statusCode).toBe(200);
  });

  it('read_only takes reads only', async () => {
    const tenant = tenantAt(3);
    await place.setStatus(tenant, 'read_only');
    const headers = { ...bearer(tenant), 'content-type': 'application/json' };
    const write = () => inject(data.app, { method: 'POST', url: '/api/data/note', headers, payload: '{}' });
    await expect.poll(async () => (await write()).json().code).toBe('tenant_read_only');
    expect((await inject(data.app, { method: 'POST', url: '/write', headers })).statusCode).toBe(409);
    expect((await inject(data.app, { url: '/api/data/note', headers })).statusCode).toBe(200);
    await place.setStatus(tenant, 'active');
    await expect.poll(async () => (await write()).statusCode).toBe(201);
  });
});

it(`${tenantCount} tenants of ${requestCount} interleaved requests each: nobody sees a foreign row`, async () => {
  const answers = { rows: 0, foreign: 0, failed: 0 };
  let next = 0;

  for (const { database, id } of tenants) {
    await place.inDatabase(database, `DELETE FROM note WHERE tenant IS DISTINCT FROM '${id}'`);
  }

  async function askOnce(number: number): Promise<void> {
    const tenant = tenantAt(number);
    const headers = { ...bearer(tenant), 'content-type': 'application/json' };
    const isWrite = Math.floor(number / tenantCount) % 10 === 9;
    const answer = await inject(data.app, {
      method: isWrite ? 'POST' : 'GET',
      url: '/api/data/note?limit=5',
      headers: { ...headers, prefer: 'return=representation' },
      ...(isWrite ? { payload: `{"tenant":"${tenant.id}"}` } : {}),
    });
    if (answer.statusCode >= 300) answers.failed += 1;
    else for (const row of answer.json()) answers[row.tenant === tenant.id ? 'rows' : 'foreign'] += 1;
  }

  const clients = Array.from({ length: clientCount }, async () => {
    while (next < tenantCount * requestCount) await askOnce(next++);
  });
  await Promise.all(clients);
  expect(answers).toMatchObject({ foreign: 0, failed: 0 });
  expect(answers.rows).toBeGreaterThan(tenantCount * requestCount);
  expect(data.routing.stats().leased).toBe(0);
}, 240_000);
