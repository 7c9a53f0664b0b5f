import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/http/app.ts';
import { adminAuditRoutes } from '../../src/http/routes/admin-audit.ts';
import { recordAudit } from '../../src/registry/repositories/audit-log.ts';
import { useHttpBench } from './http-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

const { database } = useHttpBench();
const acme = '0199a0aa-0000-7000-8000-00000000000a';
const gone = '0199a0aa-0000-7000-8000-00000000000b';
const person = randomUUID();
let app: App;

beforeAll(async () => {
  ({ app } = await createTestApp([adminAuditRoutes({ registry: database() })]));
  await sql`INSERT INTO tenant_registry (id, slug, name, plan, region, status) VALUES (${acme}, 'acme', 'ACME', 'free', 'default', 'requested')`.execute(
    database(),
  );
  const operator = { kind: 'operator', id: 'root' } as const;
  const user = { kind: 'user', id: person } as const;
  const record = (entry: Parameters<typeof recordAudit>[1]) => recordAudit(database(), entry);
  await record({
    actor: operator,
    action: 'tenant.suspended',
    tenantId: acme,
    after: { n: 1 },
    requestId: 'r-1',
  });
  await record({ actor: user, action: 'tenant.renamed', tenantId: acme, before: { n: 1 }, after: { n: 2 } });
  await record({ actor: operator, action: 'tenant.purged', tenantId: gone });
  await record({ actor: operator, action: 'template.added', after: { key: 'shop' } });
  for (let n = 0; n < 5; n += 1) {
    await record({ actor: { kind: 'system', id: null }, action: 'run.completed', after: { n } });
  }
});
afterAll(() => app.close());

const get = (query: string) =>
  inject(app, { url: `/api/admin/audit${query}`, headers: { 'x-admin-key': adminKey } });
const actions = async (query: string) =>
  (await get(query)).json().data.map(({ action }: { action: string }) => action);

describe('the audit log', () => {
  it('is read with the newest first, each with who, what, whom and in which request', async () => {
    const { data } = (await get('?tenant=acme')).json();
    expect(data).toEqual([
      {
        id: expect.any(Number),
        at: expect.stringMatching(/^2\d{3}-.*Z$/),
        actor: { kind: 'user', id: person },
        action: 'tenant.renamed',
        tenant: { id: acme, slug: 'acme' },
        before: { n: 1 },
        after: { n: 2 },
        request_id: null,
      },
      expect.objectContaining({ action: 'tenant.suspended', before: null, request_id: 'r-1' }),
    ]);
  });

  it.each([
    ['?actor=root', ['template.added', 'tenant.purged', 'tenant.suspended']],
    [`?actor=${person}`, ['tenant.renamed']],
    ['?actor=user', ['tenant.renamed']],
    ['?action=tenant.purged', ['tenant.purged']],
    ['?action=tenant.', ['tenant.purged', 'tenant.renamed', 'tenant.suspended']],
    [`?tenant=${gone}`, ['tenant.purged']],
    [`?tenant=${acme}&actor=root`, ['tenant.suspended']],
    ['?until=2020-01-01T00:00:00Z', []],
    ['?since=2999-01-01T00:00:00Z', []],
    ['?action=nothing.like_that', []],
  ])('with %s gives what is asked for', async (query, expected) => {
    expect(await actions(query)).toEqual(expected);
  });

  it('takes a time with an offset, and ends before `until`', async () => {
    const [{ at }] = (await get('?action=template.added')).json().data;
    const later = new Date(Date.parse(at) + 3_600_000).toISOString().replace('Z', '+01:00');
    // The row has microseconds, and the answer milliseconds.
    expect(await actions(`?action=template.added&since=${encodeURIComponent(later)}`)).toEqual([
      'template.added',
    ]);
    expect(await actions(`?action=template.added&until=${encodeURIComponent(later)}`)).toEqual([]);
  });

  it('comes in pages without a gap, also while more is written', async () => {
    const seen: number[] = [];
    let cursor = '';
    do {
      const { data, page } = (await get(`?limit=2${cursor}`)).json();
      seen.push(...data.map(({ id }: { id: number }) => id));
      await recordAudit(database(), { actor: { kind: 'system', id: null }, action: 'run.meanwhile' });
      cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
    } while (cursor !== '');
    expect(seen).toHaveLength(9);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => b - a));
  });

  it.each([
    ['?cursor=nonsense', 'cursor'],
    ['?limit=0', 'limit'],
    ['?since=yesterday', 'since'],
    ["?action=tenant'--", 'action'],
    ['?action=%25.', 'action'],
    ['?color=red', 'color'],
  ])('refuses %s', async (query, field) => {
    const answer = await get(query);
    expect(answer.statusCode).toBe(400);
    expect(JSON.stringify(answer.json().errors)).toContain(field);
  });

  it('says that a slug is nobody’s', async () => {
    expect((await get('?tenant=nobody')).statusCode).toBe(404);
  });
});
