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

const rows = async (path: string) => (await get(path)).json();

describe('reading', () => {
  it('answers rows as PostgREST does, in types that lose nothing', async () => {
    const answer = await get('deal?order=id');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.headers['content-range']).toBe('0-2/*');
    expect(answer.body).toContain('"amount":12345678901234567890.1234');
    expect(answer.body).toContain('"big":9007199254740993');
    expect(answer.json()[0]).toMatchObject({
      id: 1,
      title: 'first',
      tags: ['a', 'b'],
      extra: { x: 1 },
      'odd "name': null,
      closed_at: '2026-01-02T03:04:05+00:00',
      is_hot: true,
    });
  });

  it.each([
    ['deal?select=id,label:title&id=eq.1', [{ id: 1, label: 'first' }]],
    ['deal?select=id&stage=eq.open&order=id.desc', [{ id: 3 }, { id: 1 }]],
    ['deal?select=id&stage=eq.open&amount=eq.7', [{ id: 3 }]],
    ['deal?select=id&order=amount.desc.nullslast,id', [{ id: 1 }, { id: 3 }, { id: 2 }]],
    ['deal?select=id&order=amount.nullsfirst', [{ id: 2 }, { id: 3 }, { id: 1 }]],
    ['deal?select=id&limit=1&offset=1&order=id', [{ id: 2 }]],
    ['deal?select=id&limit=0', []],
    ['deal?select=id&is_hot=is.true', [{ id: 1 }]],
    ['deal?select=id&is_hot=is.null', [{ id: 3 }]],
    ['deal?select=id&company_id=is.not_null&order=id', [{ id: 1 }, { id: 2 }]],
    ['deal?select=id&title=eq.a,b.c(d)"', []],
    ['deal?select=id&tags=eq.{a,b}', [{ id: 1 }]],
    ['deal?select="odd ""name"&id=eq.1', undefined],
    ['deal?select=odd:%22odd%20%5C%22name%22&id=eq.1', [{ odd: null }]],
  ])('understands %s', async (path, expected) => {
    const answer = await get(path);
    if (expected === undefined) expect(answer.statusCode).toBe(400);
    else expect([answer.statusCode, answer.json()]).toEqual([200, expected]);
  });

  it('says which rows are in the answer', async () => {
    expect((await get('deal?offset=1&order=id')).headers['content-range']).toBe('1-2/*');
    expect((await get('deal?id=eq.99')).headers['content-range']).toBe('*/*');
  });

  it('never gives more rows than the limit of the installation', async () => {
    await place.inDatabase(tenant.database, 'INSERT INTO late SELECT generate_series(1, 250)');
    expect(await rows('late')).toHaveLength(100);
    expect(await rows('late?limit=200')).toHaveLength(100);
    expect(await rows('late?limit=3')).toHaveLength(3);
  });

  it('reads the schema of Accept-Profile', async () => {
    expect((await get('lead', { 'accept-profile': 'crm' })).json()).toEqual([{ id: 42 }]);
    expect((await get('lead')).statusCode).toBe(404);
  });

  it('shows the claims to row security', async () => {
    expect(await rows('guarded')).toEqual([{ id: 1, owner: 'ADMIN' }]);
    const asUser = await inject(data.app, { url: '/api/data/guarded', headers: bearer(tenant, 'USER') });
    expect(asUser.json()).toEqual([{ id: 2, owner: 'USER' }]);
  });

  it('cannot write, not even through a view', async () => {
    const answer = await get('sneaky');
    expect([answer.statusCode, answer.json().code]).toEqual([405, '25006']);
    expect(await rows('slow')).toEqual([]);
  });
});

describe('what cannot be read', () => {
  it.each([
    ['nothing', 404, 'PGRST205', "Could not find the table 'public.nothing' in the schema cache"],
    ['pg_class', 404, 'PGRST205', "Could not find the table 'public.pg_class' in the schema cache"],
    ['deal_pkey', 404, 'PGRST205', "Could not find the table 'public.deal_pkey' in the schema cache"],
    [`${'x'.repeat(64)}`, 404, 'PGRST205', undefined],
    ['%00', 404, 'PGRST205', undefined],
    ['deal?select=nothing', 400, '42703', 'column deal.nothing does not exist'],
    ['deal?nothing=eq.1', 400, '42703', 'column deal.nothing does not exist'],
    ['deal?order=nothing', 400, '42703', 'column deal.nothing does not exist'],
    [`deal?select=${'x'.repeat(64)}`, 400, '42703', undefined],
    ['deal?id=eq.abc', 400, '22P02', 'invalid input syntax for type integer: "abc"'],
    ['deal?stage=eq.lost', 400, '22P02', undefined],
    ['deal?title=eq.%00', 400, '22021', undefined],
    ['deal?id=1', 400, 'PGRST100', '"failed to parse filter (1)" (line 1, column 1)'],
    ['deal?id=noop.1', 400, 'PGRST100', undefined],
    ['deal?id=gte.1', 400, 'PGRST100', undefined],
    ['deal?id=not.eq.1', 400, 'PGRST100', undefined],
    ['deal?id=eq(any).{1}', 400, 'PGRST100', undefined],
    ['deal?or=(id.eq.1,id.eq.2)', 400, 'PGRST100', undefined],
    ['deal?select=id,company(name)', 400, 'PGRST100', undefined],
    ['deal?select=id::text', 400, 'PGRST100', undefined],
    ['deal?select=extra->x', 400, 'PGRST100', undefined],
    ['deal?select=id.sum()', 400, 'PGRST100', undefined],
    ['deal?select=,', 400, 'PGRST100', undefined],
    ['deal?order=id.sideways', 400, 'PGRST100', undefined],
    ['deal?select=id&select=title', 400, 'PGRST100', undefined],
    ['deal?limit=many', 400, 'PGRST100', undefined],
    ['deal?limit=-1', 416, 'PGRST103', 'Requested range not satisfiable'],
    ['secret', 403, '42501', 'permission denied for table secret'],
    ['slow_view', 500, '57014', 'canceling statement due to statement timeout'],
  ])('%s', async (...[path, status, code, message]) => {
    const answer = await get(path);
    const body = answer.json();
    expect([answer.statusCode, body.code]).toEqual([status, code]);
    if (message !== undefined) expect(body.message).toBe(message);
    expect(Object.keys(body).sort()).toEqual(['code', 'details', 'hint', 'message']);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
  });

  it('says so of an operator that is not there yet', async () => {
    const body = (await get('deal?id=gte.1')).json();
    expect(body.details).toContain('the operator "gte" is not supported in this version');
  });

  it.each(['pg_catalog', 'information_schema', 'tm_ledger', 'nothing', '"; DROP'])(
    'schema %s',
    async (name) => {
      const answer = await get('migrations', { 'accept-profile': name });
      expect(answer.statusCode).toBe(406);
      expect(answer.json()).toEqual({
        code: 'PGRST106',
        message: `Invalid schema: ${name}`,
        details: null,
        hint: 'Only the following schemas are exposed: crm, public',
      });
    },
  );

  it('schema that no name can be', async () => {
    const answer = await get('deal', { 'accept-profile': 'x'.repeat(64) });
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'PGRST205']);
  });

  it('is not logged as trouble of the system', () => {
    expect(data.logged.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  });
});
