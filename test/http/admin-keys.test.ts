import { beforeAll, describe, expect, it } from 'vitest';
import { createAdminKey } from '../../src/http/admin-key.ts';
import type { App } from '../../src/http/app.ts';
import { adminAuditRoutes } from '../../src/http/routes/admin-audit.ts';
import { adminKeysRoutes } from '../../src/http/routes/admin-keys.ts';
import { findAdminKey } from '../../src/registry/repositories/admin-keys.ts';
import { useHttpBench } from './http-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

const { database } = useHttpBench();
/** Two processes on one registry. */
let here: App;
let there: App;
let logged: Record<string, unknown>[];

const root = { 'x-admin-key': adminKey };
const keys = '/api/admin/keys';

async function createApi() {
  const registry = database();
  return createTestApp([adminKeysRoutes({ registry }), adminAuditRoutes({ registry })], {
    authentication: {
      verifyAccessToken: async () => {
        throw new Error('no token is sent in these tests');
      },
      adminKey: createAdminKey(adminKey, (hash) => findAdminKey(registry, hash)),
    },
  });
}

beforeAll(async () => {
  ({ app: here, logged } = await createApi());
  ({ app: there } = await createApi());
  return async () => {
    await here.close();
    await there.close();
  };
});

async function make(body: Record<string, unknown>) {
  const answer = await inject(here, { method: 'POST', url: keys, headers: root, payload: body });
  expect(answer.statusCode).toBe(201);
  return answer.json().data as { id: string; key: string; status: string };
}

const statusOf = async (app: App, url: string, key: string) =>
  (await inject(app, { url, headers: { 'x-admin-key': key } })).statusCode;

describe('a key that is given out', () => {
  it('is shown once, and kept as a hash', async () => {
    const { key, id } = await make({ name: 'monitoring', scope: 'read' });
    expect(key).toMatch(/^tmk_[A-Za-z0-9_-]{43}$/);
    const list = await inject(here, { url: keys, headers: root });
    expect(list.json().data).toContainEqual(
      expect.objectContaining({
        id,
        name: 'monitoring',
        scope: 'read',
        status: 'active',
        created_by: 'operator root',
      }),
    );
    const rows = await database().selectFrom('adminKeys').selectAll().execute();
    const audit = await inject(here, { url: '/api/admin/audit?action=admin_key.created', headers: root });
    const secret = key.slice('tmk_'.length);
    for (const text of [list.body, audit.body, JSON.stringify(rows), JSON.stringify(logged)]) {
      expect(text).not.toContain(secret);
    }
    expect(audit.json().data[0]).toMatchObject({ actor: { kind: 'operator', id: 'root' }, after: { id } });
  });

  it.each([
    ['read', 200, 403],
    ['operate', 200, 403],
    ['owner', 200, 200],
  ] as const)('of scope %s may do what its scope says', async (scope, read, owner) => {
    const { key } = await make({ name: scope, scope });
    expect(await statusOf(there, '/api/admin/audit', key)).toBe(read);
    expect(await statusOf(there, keys, key)).toBe(owner);
  });

  it('makes no key that it is not allowed to make', async () => {
    const { key } = await make({ name: 'operator', scope: 'operate' });
    const before = await database().selectFrom('adminKeys').select('id').execute();
    const payload = { name: 'mine', scope: 'owner' };
    const answer = await inject(here, {
      method: 'POST',
      url: keys,
      headers: { 'x-admin-key': key },
      payload,
    });
    expect([answer.statusCode, answer.json().code]).toEqual([403, 'forbidden']);
    expect(await database().selectFrom('adminKeys').select('id').execute()).toEqual(before);
  });

  it('is named in the audit log by its id', async () => {
    const { key, id } = await make({ name: 'owner', scope: 'owner' });
    const payload = { name: 'made by another', scope: 'read' };
    await inject(here, { method: 'POST', url: keys, headers: { 'x-admin-key': key }, payload });
    const audit = await inject(here, { url: `/api/admin/audit?actor=${id}`, headers: root });
    expect(audit.json().data).toMatchObject([
      { action: 'admin_key.created', after: { name: 'made by another' } },
    ]);
  });

  it('is refused by all processes as soon as it is revoked', async () => {
    const { key, id } = await make({ name: 'lost', scope: 'read' });
    expect(await statusOf(there, '/api/admin/audit', key)).toBe(200);
    const revoked = await inject(here, { method: 'DELETE', url: `${keys}/${id}`, headers: root });
    expect(revoked.json().data).toMatchObject({ id, status: 'revoked' });
    for (const app of [here, there]) {
      const answer = await inject(app, { url: '/api/admin/audit', headers: { 'x-admin-key': key } });
      expect([answer.statusCode, answer.json().code]).toEqual([401, 'invalid_admin_key']);
    }
    expect((await inject(here, { method: 'DELETE', url: `${keys}/${id}`, headers: root })).statusCode).toBe(
      404,
    );
  });

  it('is refused from its expiry on', async () => {
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const { key, id } = await make({ name: 'guest', scope: 'read', expires_at: soon });
    expect(await statusOf(here, '/api/admin/audit', key)).toBe(200);
    await database()
      .updateTable('adminKeys')
      .set({ expiresAt: new Date(Date.now() - 1_000) })
      .where('id', '=', id)
      .execute();
    expect(await statusOf(here, '/api/admin/audit', key)).toBe(401);
    const { data } = (await inject(here, { url: keys, headers: root })).json();
    expect(data).toContainEqual(expect.objectContaining({ id, status: 'expired' }));
  });

  it('has its last use noted', async () => {
    const { key, id } = await make({ name: 'used', scope: 'read' });
    const lastUse = async () =>
      (await inject(here, { url: keys, headers: root }))
        .json()
        .data.find((each: { id: string }) => each.id === id).last_used_at;
    expect(await lastUse()).toBeNull();
    await statusOf(here, '/api/admin/audit', key);
    expect(Math.abs(Date.now() - Date.parse(await lastUse()))).toBeLessThan(10_000);
  });

  it.each([
    ['cut', (key: string) => key.slice(0, -1)],
    ['longer', (key: string) => `${key}A`],
    ['another of the same shape', () => `tmk_${'A'.repeat(43)}`],
    ['in another case', (key: string) => key.toUpperCase()],
  ])('is refused when it is %s', async (_, alter) => {
    const { key } = await make({ name: 'altered', scope: 'owner' });
    expect(await statusOf(here, '/api/admin/audit', alter(key))).toBe(401);
  });

  it('is refused beside another one, though both are right', async () => {
    const { key } = await make({ name: 'second', scope: 'owner' });
    const headers = { 'x-admin-key': adminKey, 'x-admin-api-key': key };
    expect((await inject(here, { url: keys, headers })).statusCode).toBe(401);
  });

  it('opens the admin API where there is no root key', async () => {
    const { key } = await make({ name: 'without root', scope: 'read' });
    const { app: bare } = await createTestApp([adminAuditRoutes({ registry: database() })], {
      authentication: {
        verifyAccessToken: async () => {
          throw new Error('no token is sent in these tests');
        },
        adminKey: createAdminKey(undefined, (hash) => findAdminKey(database(), hash)),
      },
    });
    expect(await statusOf(bare, '/api/admin/audit', key)).toBe(200);
    expect(await statusOf(bare, '/api/admin/audit', adminKey)).toBe(503);
    expect(await statusOf(bare, '/api/admin/audit', `tmk_${'A'.repeat(43)}`)).toBe(401);
    await bare.close();
  });
});

describe('refused is', () => {
  it.each([
    ['an unknown scope', { scope: 'root' }, 'scope'],
    ['an expiry in the past', { expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    ['no name', { name: '' }, 'name'],
    ['something unknown', { hash: 'x' }, 'hash'],
  ])('%s', async (_, wrong, field) => {
    const before = await database().selectFrom('adminKeys').select('id').execute();
    const payload = { name: 'x', scope: 'read', ...wrong };
    const answer = await inject(here, { method: 'POST', url: keys, headers: root, payload });
    expect(answer.statusCode).toBe(400);
    expect(JSON.stringify(answer.json().errors)).toContain(field);
    expect(await database().selectFrom('adminKeys').select('id').execute()).toEqual(before);
  });
});
