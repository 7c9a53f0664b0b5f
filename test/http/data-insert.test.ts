import type { InjectOptions } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';
import { bearer, createDataApp, type DataApp } from './data-app.ts';
import { dataSchema } from './data-schema.ts';
import { inject } from './test-app.ts';

failOnLeaks();

let place: TenantPlace;
let tenant: TestTenant;
let data: DataApp;

beforeAll(async () => {
  place = await createTenantPlace();
  tenant = await place.makeTenant(dataSchema);
  data = await createDataApp(place);
});
afterAll(async () => {
  await data.close();
  await place.drop();
});

const get = (path: string, headers: Record<string, string> = {}) =>
  inject(data.app, { url: `/api/data/${path}`, headers: { ...bearer(tenant), ...headers } });

const post = (path: string, payload: unknown, more: InjectOptions & { role?: 'USER' } = {}) =>
  inject(data.app, {
    method: 'POST',
    url: `/api/data/${path}`,
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    headers: { ...bearer(tenant, more.role), 'content-type': 'application/json', ...more.headers },
  });

const rows = async (path: string) => (await get(path)).json();

describe('inserting', () => {
  const returned = { headers: { prefer: 'return=representation' } };

  it('inserts one row and gives it back', async () => {
    const answer = await post(
      'deal?select=title,stage,big,amount',
      '{"title":"new","big":9007199254740993,"amount":0.1000}',
      returned,
    );
    expect(answer.statusCode).toBe(201);
    expect(answer.headers['preference-applied']).toBe('return=representation');
    expect(answer.body).toBe('[{"title":"new","stage":"open","big":9007199254740993,"amount":0.1000}]');
  });

  it('inserts many rows, and answers nothing unless asked', async () => {
    const answer = await post('company', [{ name: 'one' }, { name: 'two' }]);
    expect([answer.statusCode, answer.body]).toEqual([201, '']);
    expect(await rows('company?select=name&name=eq.two')).toEqual([{ name: 'two' }]);
  });

  it('takes types apart as the table has them', async () => {
    const deal = {
      title: 'typed',
      tags: ['x', 'y,"z'],
      extra: { deep: [1, null] },
      is_hot: null,
      closed_at: '2026-02-03T04:05:06Z',
    };
    const answer = await post('deal', deal, returned);
    expect(answer.json()[0]).toMatchObject({ ...deal, closed_at: '2026-02-03T04:05:06+00:00' });
  });

  it('fills in defaults for what a body does not have, also for empty objects', async () => {
    const answer = await post('seen', [{}, {}], returned);
    expect(answer.json()).toHaveLength(2);
    expect(answer.json()[0]).toMatchObject({
      claims: { sub: expect.any(String), tenant_id: tenant.id, tenant_key: 'key-of-token', role: 'ADMIN' },
      method: 'POST',
      path: '/api/data/seen',
      search_path: 'public',
    });
    expect((await post('seen', [], returned)).json()).toEqual([]);
  });

  it('takes only the members named by columns', async () => {
    const body = [{ name: 'columned', other: 1 }, { name: 'columned too' }];
    expect((await post('company?columns="name"', body)).statusCode).toBe(201);
  });

  it('inserts into the schema of Content-Profile', async () => {
    const answer = await post('lead', { id: 7 }, { headers: { 'content-profile': 'crm' } });
    expect(answer.statusCode).toBe(201);
  });

  it.each([
    ['deal', '{"title":', 400, 'PGRST102'],
    ['deal', '', 400, 'PGRST102'],
    ['deal', '7', 400, 'PGRST102'],
    ['deal', '[1]', 400, 'PGRST102'],
    ['deal', '[{"title":"a"},{"big":1}]', 400, 'PGRST102'],
    ['deal', '{"title":"a","nothing":1}', 400, 'PGRST204'],
    ['deal', '{"title":"a","__proto__":1}', 400, 'PGRST204'],
    ['deal', `{"${'x'.repeat(64)}":1}`, 400, 'PGRST204'],
    ['deal', '{"":1}', 400, 'PGRST204'],
    ['deal', '{"big":1}', 400, '23502'],
    ['deal', '{"title":""}', 400, '23514'],
    ['deal', '{"title":"a","big":"b"}', 400, '22P02'],
    ['deal', '{"title":"a\\u0000"}', 400, '22P05'],
    ['deal', '{"title":"a","company_id":99}', 409, '23503'],
    ['company', '{"name":"acme"}', 409, '23505'],
    ['nothing', '{"id":1}', 404, 'PGRST205'],
    ['secret', '{"id":1}', 403, '42501'],
    ['late', '[{"id":500},{"id":500}]', 409, '23505'],
  ])('refuses into %s: %s', async (...[table, body, status, code]) => {
    const answer = await post(table, body);
    expect([answer.statusCode, answer.json().code]).toEqual([status, code]);
  });

  it('names the column that is not there', async () => {
    const answer = await post('deal', { title: 'a', 'no"such': 1 });
    expect(answer.json().message).toBe(`Could not find the 'no"such' column of 'deal' in the schema cache`);
  });

  it.each(['resolution=merge-duplicates', 'missing=default'])('refuses Prefer: %s', async (prefer) => {
    const answer = await post('company', { name: 'preferred' }, { headers: { prefer } });
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'PGRST127']);
    expect(await rows('company?name=eq.preferred')).toEqual([]);
  });

  it('refuses a body that is no JSON by its type', async () => {
    const answer = await post('company', 'name=x', { headers: { 'content-type': 'text/csv' } });
    expect([answer.statusCode, Object.keys(answer.json())]).toEqual([
      415,
      ['code', 'message', 'details', 'hint'],
    ]);
  });
});

describe('who may', () => {
  const access = (userAccess: string) =>
    place.registry.database
      .insertInto('tenantSettings')
      .values({ tenantId: tenant.id, settings: JSON.stringify({ data_api: { user_access: userAccess } }) })
      .onConflict((conflict) =>
        conflict
          .column('tenantId')
          .doUpdateSet({ settings: JSON.stringify({ data_api: { user_access: userAccess } }) }),
      )
      .execute()
      .then(() => place.setStatus(tenant, 'active'));

  const asUser = async () => {
    const read = await inject(data.app, {
      url: '/api/data/company?limit=1',
      headers: bearer(tenant, 'USER'),
    });
    const write = await post('company', { name: crypto.randomUUID() }, { role: 'USER' });
    return [read.statusCode, write.statusCode];
  };

  it.each([
    ['write', [200, 201]],
    ['read', [200, 403]],
    ['none', [403, 403]],
  ])('members with the role USER, user_access %s', async (userAccess, expected) => {
    await access(userAccess);
    await expect.poll(asUser).toEqual(expected);
  });

  it('only who has a token', async () => {
    const answer = await inject(data.app, { url: '/api/data/company' });
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'not_authenticated']);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  });
});
