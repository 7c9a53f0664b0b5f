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
  app = await bench.startApi({ maxPending: 30 });
});
afterAll(() => app.close());

const send = (tenants: unknown, headers: Record<string, string> = {}) =>
  inject(app, {
    method: 'POST',
    url: '/api/admin/tenants/bulk',
    headers: { 'x-admin-key': adminKey, ...headers },
    payload: { tenants } as object,
  });

const named = (like: string) =>
  bench
    .database()
    .selectFrom('tenantRegistry')
    .select(['id', 'slug'])
    .where('name', 'like', like)
    .orderBy('slug')
    .execute();

/** All of one owner, whose password is hashed once. */
const many = (name: string, count: number) => {
  const admin_email = `${randomUUID()}@acme.com`;
  return Array.from({ length: count }, (_, at) =>
    organization({ organization_name: `${name} ${at}`, admin_email }),
  );
};

describe('creation of many', () => {
  it('accepts what is right, and says of each of the others what is wrong with it', async () => {
    const [first, second] = many('Mixed', 2);
    const answer = await send([
      first,
      { ...first, organization_name: 'x' },
      'nonsense',
      { ...second, plan: 'nope' },
      { ...second, slug: 'admin' },
      { ...second, admin_password: 'short' },
      { ...second, secret: 1 },
      second,
    ]);
    expect(answer.statusCode).toBe(200);
    const { data } = answer.json();
    expect([data.accepted, data.refused]).toEqual([2, 6]);
    const told = data.results.map((each: Record<string, unknown>) => [each.index, each.outcome]);
    expect(told).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((at) => [at, at % 7 === 0 ? 'accepted' : 'refused']));
    const paths = data.results.flatMap((each: { error?: { errors: { path: string }[] } }) =>
      each.error === undefined ? [] : [each.error.errors[0]?.path],
    );
    expect(paths).toEqual(['organization_name', 'body', 'plan', 'slug', 'admin_password', 'secret']);
    expect((await named('Mixed%')).map(({ slug }) => slug)).toEqual(['mixed-0', 'mixed-1']);
    expect(answer.body).not.toContain('SecurePassword123!');
  });

  it('repeated under its key is answered alike and makes nothing', async () => {
    const tenants = many('Again', 3);
    const headers = { 'idempotency-key': randomUUID() };
    const [first, second] = [await send(tenants, headers), await send(tenants, headers)];
    expect(second.body).toBe(first.body);
    expect(second.headers['idempotency-replayed']).toBe('true');
    expect(await named('Again%')).toHaveLength(3);
    expect((await send(many('Again', 1), headers)).statusCode).toBe(422);
  });

  it('repeated under its key after a death in the middle makes what is missing only', async () => {
    const tenants = many('Broken Off', 4);
    const key = randomUUID();
    const whole = await send(tenants, { 'idempotency-key': key });
    const ids = whole.json().data.results.map((each: { tenant_id: string }) => each.tenant_id);
    // As a process leaves it that died before it could answer: two of four are made.
    await sql`UPDATE idempotency_keys SET sealed_answer = NULL, leased_until = now() WHERE key = ${key}`.execute(
      bench.database(),
    );
    for (const lost of [ids[2], ids[3]]) {
      await sql`DELETE FROM tenant_registry WHERE id = ${lost}`.execute(bench.database());
      await sql`UPDATE idempotency_keys SET resource_id = NULL WHERE resource_id = ${lost}`.execute(
        bench.database(),
      );
    }
    const repeated = await send(tenants, { 'idempotency-key': key });
    const after = repeated.json().data.results.map((each: { tenant_id: string }) => each.tenant_id);
    expect(repeated.json().data.accepted).toBe(4);
    expect(after.slice(0, 2)).toEqual(ids.slice(0, 2));
    expect(await named('Broken Off%')).toHaveLength(4);
  });

  it('refuses those for which there is no room, and no others', async () => {
    const open = await bench
      .database()
      .selectFrom('provisioningRuns')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .where('status', '=', 'pending')
      .executeTakeFirstOrThrow();
    const { data } = (await send(many('Crowd', 40))).json();
    // A few at a time are let in by the same count.
    expect(data.accepted).toBeGreaterThanOrEqual(30 - open.count);
    expect(data.accepted).toBeLessThan(30 - open.count + 4);
    const codes = data.results.flatMap((each: { error?: { code: string } }) => each.error?.code ?? []);
    expect(new Set(codes)).toEqual(new Set(['registrations_full']));
    expect(await named('Crowd%')).toHaveLength(data.accepted);
  });

  it.each([
    ['none', []],
    ['1,001', Array.from({ length: 1_001 }, () => ({}))],
    ['no list', 'x'],
  ])('refuses %s', async (_what, tenants) => {
    const answer = await send(tenants);
    expect([answer.statusCode, answer.json().errors[0].path]).toEqual([400, 'tenants']);
  });

  it('is refused to anyone else', async () => {
    expect((await send([organization()], { 'x-admin-key': 'wrong' })).statusCode).toBe(401);
  });
});
