import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { afterEach, describe, expect, it } from 'vitest';
import { createAdminKey } from '../../src/http/admin-key.ts';
import type { App } from '../../src/http/app.ts';
import { adminKey, createTestApp, inject, user } from './test-app.ts';

let app: App | undefined;

const accesses = [
  'anyone',
  'member',
  'tenant-member',
  'tenant-admin',
  'operator-read',
  'operator',
  'operator-owner',
] as const;

const routes: FastifyPluginAsyncZod = async (api) => {
  for (const access of accesses) {
    api.get(`/${access}`, { config: { access } }, async (request) => request.caller);
  }
};

async function get(url: string, headers: Record<string, string | string[]> = {}) {
  app ??= (await createTestApp([routes])).app;
  return inject(app, { url, headers });
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

afterEach(async () => {
  await app?.close();
  app = undefined;
});

describe('access policy', () => {
  it('fails the start when a route does not say who may call it', async () => {
    const forgotten: FastifyPluginAsyncZod = async (api) => {
      api.get('/forgotten', async () => 'x');
    };
    await expect(createTestApp([forgotten])).rejects.toThrow(/GET \/forgotten does not say who may call it/);
  });

  it.each([
    ['/anyone', {}, 200],
    ['/member', {}, 401],
    ['/member', bearer('nonsense'), 401],
    ['/member', bearer('user'), 200],
    ['/member', bearer('eyJsuper.admin.token'), 200],
    ['/member', { 'x-admin-key': adminKey }, 401],
    ['/tenant-member', bearer('user'), 200],
    ['/tenant-member', bearer('admin'), 200],
    ['/tenant-member', bearer('eyJsuper.admin.token'), 403],
    ['/tenant-admin', bearer('user'), 403],
    ['/tenant-admin', bearer('admin'), 200],
    ['/operator', {}, 401],
    ['/operator', bearer('eyJuser.of.tenant'), 403],
    ['/operator', bearer('eyJsuper.admin.token'), 200],
    ['/operator', bearer('eyJno.such.token'), 401],
    ['/operator', bearer(adminKey), 200],
    ['/operator', { 'x-admin-key': adminKey }, 200],
    ['/operator', { 'x-admin-api-key': adminKey }, 200],
    ['/operator-read', {}, 401],
    ['/operator-read', { 'x-admin-key': adminKey }, 200],
    ['/operator-owner', {}, 401],
    ['/operator-owner', { 'x-admin-key': adminKey }, 200],
    ['/operator-owner', bearer('eyJsuper.admin.token'), 200],
    ['/operator', { 'x-admin-key': adminKey, ...bearer('eyJuser.of.tenant') }, 401],
    ['/operator', { 'x-admin-key': adminKey, 'x-admin-api-key': 'wrong' }, 401],
  ] as [string, Record<string, string>, number][])('%s with %j is %i', async (url, headers, status) => {
    const answer = await get(url, headers);
    expect(answer.statusCode).toBe(status);
    expect(answer.headers['www-authenticate'] !== undefined).toBe(status === 401);
  });

  it('tells the handler who calls', async () => {
    expect((await get('/anyone', bearer('nonsense'))).json()).toEqual({ kind: 'anonymous' });
    expect((await get('/member', bearer('user'))).json()).toEqual({ kind: 'member', ...user });
    expect((await get('/operator', { 'x-admin-key': adminKey })).json()).toEqual({
      kind: 'operator',
      keyId: 'root',
      scope: 'owner',
    });
  });
});

describe('admin key', () => {
  it.each([
    ['wrong', 'x'],
    ['empty', ''],
    ['a prefix', adminKey.slice(0, -1)],
    ['longer', `${adminKey}x`],
    ['in another case', adminKey.toUpperCase()],
    ['joined twice', `${adminKey}, ${adminKey}`],
  ])('is refused when it is %s', async (_name, key) => {
    const answer = await get('/operator', { 'x-admin-key': key });
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'invalid_admin_key']);
  });

  it('is refused when its header comes twice, even if both are right', async () => {
    expect((await get('/operator', { 'x-admin-key': [adminKey, adminKey] })).statusCode).toBe(401);
  });

  it('is not taken from the query', async () => {
    expect((await get(`/operator?x-admin-key=${adminKey}`)).statusCode).toBe(401);
  });

  it('answers 503 when none is configured, but a SUPER_ADMIN still gets in', async () => {
    const authentication = {
      verifyAccessToken: async () => ({ ...user, role: 'SUPER_ADMIN' as const }),
      adminKey: createAdminKey(undefined),
    };
    app = (await createTestApp([routes], { authentication })).app;
    const refused = await get('/operator', { 'x-admin-key': adminKey });
    expect([refused.statusCode, refused.json().code]).toEqual([503, 'admin_not_configured']);
    expect(refused.headers['retry-after']).toBe('300');
    expect((await get('/operator', bearer('eyJsuper.admin.token'))).statusCode).toBe(200);
  });

  it('does not get into the log', async () => {
    const { app: logging, logged } = await createTestApp([routes]);
    app = logging;
    await get('/operator', { 'x-admin-key': adminKey });
    await get('/operator', { 'x-admin-key': 'a wrong one' });
    expect(JSON.stringify(logged)).not.toMatch(/the-admin-key|a wrong one/);
  });
});
