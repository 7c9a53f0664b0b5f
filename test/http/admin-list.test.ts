import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/http/app.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { organization, useApiBench } from './api-bench.ts';
import { adminKey, inject } from './test-app.ts';

failOnLeaks();
const bench = useApiBench();
let app: App;

beforeAll(async () => {
  bench.onRequest(bench.complete);
  app = await bench.startApi();
});
afterAll(() => app.close());

const headers = { 'x-admin-key': adminKey };
const tenants = '/api/admin/tenants';

const get = (url: string) => inject(app, { url, headers });

async function create(over: Record<string, unknown> = {}) {
  const answer = await inject(app, { method: 'POST', url: tenants, headers, payload: organization(over) });
  expect(answer.statusCode).toBe(201);
  return answer.json().data as { tenant_id: string; slug: string; provisioning_id: string };
}

describe('the list', () => {
  const tag = `tag-${randomUUID()}`;
  const names = Array.from({ length: 7 }, (_, index) => `Listed ${index}`);

  beforeAll(async () => {
    for (const name of names)
      await create({ organization_name: name, plan: name > 'Listed 3' ? 'pro' : 'free' });
    // The same millisecond for all, and the same microsecond for some.
    await sql`UPDATE tenant_registry SET tags = ARRAY[${tag}],
      created_at = timestamptz '2026-01-01' + (right(name, 1)::int / 2) * interval '1 microsecond'
      WHERE name LIKE 'Listed _'`.execute(bench.database());
  });

  async function readAll(query: string): Promise<string[]> {
    const found: string[] = [];
    let cursor = '';
    do {
      const answer = await get(`${tenants}?tag=${tag}&limit=2&${query}${cursor}`);
      expect(answer.statusCode).toBe(200);
      const { data, page } = answer.json();
      expect(data.length).toBeLessThanOrEqual(2);
      found.push(...data.map((tenant: { name: string }) => tenant.name));
      cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
    } while (cursor !== '');
    return found;
  }

  it.each([
    ['', true],
    ['sort=-created_at', true],
    ['sort=created_at', false],
    ['sort=name', false],
    ['sort=-name', true],
    ['sort=slug', false],
  ])('gives every row once, page by page (%s)', async (query, descending) => {
    const found = await readAll(query);
    expect([...found].sort()).toEqual(names);
    if (!query.includes('created_at') && query !== '') {
      expect(found).toEqual(descending ? [...names].reverse() : names);
    }
  });

  it('does not repeat or miss a row when others come in between', async () => {
    const first = await get(`${tenants}?tag=${tag}&limit=3&sort=created_at`);
    await create({ organization_name: 'In between' });
    const { next_cursor: cursor } = first.json().page;
    const second = await get(`${tenants}?tag=${tag}&limit=10&sort=created_at&cursor=${cursor}`);
    const found = [...first.json().data, ...second.json().data].map(({ name }) => name);
    expect(found.sort()).toEqual(names);
  });

  it('filters', async () => {
    const count = async (query: string) => {
      const answer = await get(`${tenants}?tag=${tag}&limit=1&count=true&${query}`);
      expect(answer.statusCode).toBe(200);
      return answer.json().page.total;
    };
    expect(await count('')).toBe(7);
    expect(await count('plan=pro')).toBe(3);
    expect(await count('status=active')).toBe(7);
    expect(await count('status=suspended,failed')).toBe(0);
    expect(await count('mode=dedicated')).toBe(0);
    expect(await count('region=default')).toBe(7);
    expect(await count('server=none')).toBe(0);
    expect(await count('q=LISTED%203')).toBe(1);
    expect(await count('q=listed-3')).toBe(1);
    expect(await count('q=%25')).toBe(0);
    expect(await count('q=listed_3')).toBe(0);
    expect(await count('created_after=2026-01-01T00:00:00Z')).toBe(5);
    expect(await count('created_after=0000-01-01T00:00:00Z')).toBe(7);
    expect(await count('created_after=2027-01-01T00:00:00%2B02:00')).toBe(0);
  });

  it('leaves tombstones out unless asked for them', async () => {
    const { tenant_id: id, slug } = await create({ organization_name: 'Gone for good' });
    await sql`UPDATE tenant_registry SET status = 'deleted', database_name = NULL WHERE id = ${id}`.execute(
      bench.database(),
    );
    expect((await get(`${tenants}?q=gone`)).json().data).toEqual([]);
    expect((await get(`${tenants}?q=gone&status=deleted`)).json().data).toHaveLength(1);
    expect((await get(`${tenants}/${slug}`)).statusCode).toBe(404);
    expect((await get(`${tenants}/${id}`)).json().data.status).toBe('deleted');
  });

  it.each([
    'limit=0',
    'limit=201',
    'limit=ten',
    'limit=1.5',
    'limit=2&limit=3',
    'cursor=x',
    'cursor=',
    `cursor=${Buffer.from('["name","a","b"]').toString('base64url')}`,
    `cursor=${Buffer.from(`["-created_at","'; --","${randomUUID()}"]`).toString('base64url')}`,
    `cursor=${Buffer.from(`["name","a\\u0000","${randomUUID()}"]`).toString('base64url')}&sort=name`,
    `cursor=${Buffer.from(`["-created_at","0000-01-01T00:00:00Z","${randomUUID()}"]`).toString('base64url')}`,
    'sort=password',
    'status=happy',
    'status=',
    'created_after=yesterday',
    'created_after=2026-02-30T00:00:00Z',
    'q=%00',
    'tag=a&tag=b',
    'unknown=1',
  ])('refuses ?%s with 400', async (query) => {
    const answer = await get(`${tenants}?${query}`);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_request']);
  });

  it('does not take a cursor of another order', async () => {
    const { next_cursor: cursor } = (await get(`${tenants}?limit=1&sort=name`)).json().page;
    expect((await get(`${tenants}?limit=1&sort=slug&cursor=${cursor}`)).statusCode).toBe(400);
  });
});
