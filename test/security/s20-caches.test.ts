import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { addRequestTenant, requireTenant } from '../../src/http/plugins/tenant.ts';
import { createStandingCache } from '../../src/identity/standing-cache.ts';
import type { TenantKey } from '../../src/registry/repositories/tenant-routing.ts';
import type { ResolvedTenant } from '../../src/routing/resolved-tenant.ts';
import { createTenantCache } from '../../src/routing/tenant-cache.ts';
import { createTestApp, inject, user } from '../http/test-app.ts';

const tenantOf = (slug: string, id: string = randomUUID()): ResolvedTenant => ({
  id,
  slug,
  name: slug,
  status: 'active',
  plan: 'free',
  userAccess: 'write',
  database: undefined,
});

/** A cache on a registry that is a map, which counts what it is asked. */
function cacheOn(tenants: ResolvedTenant[]) {
  const asked: TenantKey[] = [];
  const cache = createTenantCache({
    load: async (key) => {
      asked.push(key);
      return tenants.find((tenant) => ('id' in key ? tenant.id === key.id : tenant.slug === key.slug));
    },
  });
  return { cache, asked };
}

const oddSlugs: [string, string, string][] = [
  ['S20.01 with a colon', 'a:b', 'a'],
  ['S20.02 that begins like a key by id', 'id:1', '1'],
  ['S20.03 that begins like a key by slug', 'slug:a', 'a'],
  ['S20.04 with a NUL', 'a\0b', 'a'],
  ['S20.05 that is nothing', '', 'a'],
  ['S20.06 __proto__', '__proto__', 'a'],
  ['S20.07 constructor', 'constructor', 'a'],
  ['S20.08 in capitals', 'ACME', 'acme'],
  ['S20.09 with a letter that looks alike', 'аcme', 'acme'],
  ['S20.10 *, by which everything is forgotten', '*', 'a'],
];

describe('two tenants of which one has a name', () => {
  it.each(oddSlugs)('%s are kept apart', async (_name, odd, plain) => {
    const [first, second] = [tenantOf(odd), tenantOf(plain)];
    const { cache } = cacheOn([first, second]);
    for (let round = 0; round < 2; round += 1) {
      expect(await cache.get({ slug: odd })).toBe(first);
      expect(await cache.get({ slug: plain })).toBe(second);
      expect(await cache.get({ id: first.id })).toBe(first);
      expect(await cache.get({ id: second.id })).toBe(second);
      expect(await cache.get({ id: odd })).toBeUndefined();
      expect(await cache.get({ slug: first.id })).toBeUndefined();
    }
    cache.invalidate({ slug: odd });
    cache.invalidate({ id: odd });
    expect([await cache.get({ slug: plain }), await cache.get({ id: second.id })]).toEqual([second, second]);
  });
});

describe('a cache that would give another tenant', () => {
  it('S20.11 is not believed: the value says itself whose it is', async () => {
    const foreign = tenantOf('foreign');
    const { app } = await createTestApp(
      [
        async (api) => {
          api.get(
            '/whose',
            { config: { access: 'tenant-member' } },
            async (request) => requireTenant(request).id,
          );
        },
      ],
      {
        plugins: [
          (each) =>
            addRequestTenant(each, {
              resolveTenant: async () => foreign,
              lease: () => expect.unreachable('nobody may get this far'),
            }),
        ],
      },
    );
    const answer = await inject(app, { url: '/whose', headers: { authorization: 'Bearer user' } });
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'tenant_not_found']);
    expect(answer.body).not.toContain(foreign.id);
    expect(user.tenantId).not.toBe(foreign.id);
    await app.close();
  });
});

describe('the memory of sessions', () => {
  const standingOf = (userId: string) => ({ userId }) as never;

  it('S20.12 gives nobody the standing of another session, however many ask at once', async () => {
    const cache = createStandingCache({ load: async (id) => standingOf(`owner of ${id}`) });
    const ids = Array.from({ length: 200 }, (_, at) => `session-${at % 20}`);
    const found = await Promise.all(ids.map((id) => cache.read(id)));
    expect(found.map((standing) => standing?.userId)).toEqual(ids.map((id) => `owner of ${id}`));
  });

  it('S20.13 does not keep what began before a change', async () => {
    let answer: (standing: never) => void = () => undefined;
    let loads = 0;
    const cache = createStandingCache({
      load: () => {
        loads += 1;
        return loads === 1 ? new Promise((resolve) => (answer = resolve)) : Promise.resolve(undefined);
      },
    });
    const early = cache.read('session');
    cache.forgetUser('somebody');
    answer(standingOf('somebody'));
    await early;
    expect(await cache.read('session')).toBeUndefined();
    expect(loads).toBe(2);
  });

  it('S20.14 forgets one person’s sessions and keeps the others', async () => {
    const asked: string[] = [];
    const cache = createStandingCache({
      load: async (id) => {
        asked.push(id);
        return standingOf(id.split('/')[0] ?? '');
      },
    });
    for (const id of ['a/1', 'a/2', 'b/1']) await cache.read(id);
    cache.forgetUser('a');
    for (const id of ['a/1', 'a/2', 'b/1']) await cache.read(id);
    expect(asked).toEqual(['a/1', 'a/2', 'b/1', 'a/1', 'a/2']);
  });
});
