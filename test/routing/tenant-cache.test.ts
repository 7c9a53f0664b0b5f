import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { TenantKey } from '../../src/registry/repositories/tenant-routing.ts';
import type { ResolvedTenant } from '../../src/routing/resolved-tenant.ts';
import { createTenantCache, type TenantCacheOptions } from '../../src/routing/tenant-cache.ts';

const acme: ResolvedTenant = {
  id: 'id-1',
  slug: 'acme',
  name: 'ACME',
  status: 'active',
  plan: 'free',
  userAccess: 'write',
  database: undefined,
};

type Answer = (tenant: ResolvedTenant | undefined) => void;

/** A registry that answers when the test says so. */
function heldRegistry(options: Partial<TenantCacheOptions> = {}) {
  const asked: { key: TenantKey; answer: Answer; fail: (error: Error) => void }[] = [];
  const cache = createTenantCache({
    load: (key) =>
      new Promise((resolve, reject) => {
        asked.push({ key, answer: resolve, fail: reject });
      }),
    ...options,
  });
  const answer = (index: number, tenant: ResolvedTenant | undefined) => asked[index]?.answer(tenant);
  return { cache, asked, answer };
}

describe('a resolved tenant', () => {
  it('is loaded once for any number of requests at once', async () => {
    const { cache, asked, answer } = heldRegistry();
    const waiting = Array.from({ length: 50 }, () => cache.get({ id: 'id-1' }));
    answer(0, acme);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([acme]));
    expect(asked).toHaveLength(1);
  });

  it('is remembered under both of its names', async () => {
    const { cache, asked, answer } = heldRegistry();
    const first = cache.get({ slug: 'acme' });
    answer(0, acme);
    await first;
    expect(await cache.get({ id: 'id-1' })).toBe(acme);
    expect(await cache.get({ slug: 'acme' })).toBe(acme);
    expect(asked).toHaveLength(1);
  });

  it('is forgotten after a fixed time, however often it is read', async () => {
    const { cache, asked, answer } = heldRegistry({ ttlMs: 60 });
    const first = cache.get({ id: 'id-1' });
    answer(0, acme);
    await first;
    const deadline = Date.now() + 5_000;
    while (asked.length < 2 && Date.now() < deadline) {
      void cache.get({ id: 'id-1' });
      await sleep(5);
    }
    expect(asked).toHaveLength(2);
  });

  it('that does not exist is remembered for a shorter time', async () => {
    const { cache, asked, answer } = heldRegistry({ absentTtlMs: 30 });
    const first = cache.get({ slug: 'nobody' });
    answer(0, undefined);
    expect(await first).toBeUndefined();
    expect(await cache.get({ slug: 'nobody' })).toBeUndefined();
    expect(asked).toHaveLength(1);
    await sleep(60);
    void cache.get({ slug: 'nobody' });
    expect(asked).toHaveLength(2);
  });

  it('is loaded again when the first load failed', async () => {
    const { cache, asked, answer } = heldRegistry();
    const first = cache.get({ id: 'id-1' });
    asked[0]?.fail(new Error('registry down'));
    await expect(first).rejects.toThrow('registry down');
    const second = cache.get({ id: 'id-1' });
    answer(1, acme);
    expect(await second).toBe(acme);
  });
});

describe('an invalidation', () => {
  const suspended: ResolvedTenant = { ...acme, status: 'suspended' };

  it.each([
    ['by its id', { id: 'id-1' }, { id: 'id-1' }],
    ['by its slug', { slug: 'acme' }, { slug: 'acme' }],
    ['of the id, loaded by the slug', { slug: 'acme' }, { id: 'id-1' }],
  ])('is never undone by a load that began before it: %s', async (...[, key, invalidated]) => {
    const { cache, asked, answer } = heldRegistry();
    const early = cache.get(key as TenantKey);
    cache.invalidate(invalidated as TenantKey);
    const late = cache.get(key as TenantKey);
    answer(0, acme);
    await expect.poll(() => asked.length).toBe(2);
    answer(1, suspended);
    expect(await early).toBe(suspended);
    expect(await late).toBe(suspended);
    expect(await cache.get({ id: 'id-1' })).toBe(suspended);
    expect(asked).toHaveLength(2);
  });

  it('of everything outdates every running load', async () => {
    const { cache, asked, answer } = heldRegistry();
    const loading = cache.get({ id: 'id-1' });
    cache.flush();
    answer(0, acme);
    await expect.poll(() => asked.length).toBe(2);
    answer(1, suspended);
    expect(await loading).toBe(suspended);
  });

  it('of another tenant leaves a load alone', async () => {
    const { cache, asked, answer } = heldRegistry();
    const loading = cache.get({ id: 'id-1' });
    cache.invalidate({ id: 'id-2' });
    answer(0, acme);
    expect(await loading).toBe(acme);
    expect(asked).toHaveLength(1);
  });

  it('by the new slug makes the old one unknown', async () => {
    const { cache, asked, answer } = heldRegistry();
    const first = cache.get({ slug: 'acme' });
    answer(0, acme);
    await first;
    cache.invalidate({ id: 'id-1' });
    cache.invalidate({ slug: 'renamed' });
    const second = cache.get({ slug: 'acme' });
    answer(1, undefined);
    expect(await second).toBeUndefined();
    expect(asked).toHaveLength(2);
  });

  it('that never stops coming keeps nobody waiting for ever', async () => {
    let loads = 0;
    const cache = createTenantCache({
      load: async () => {
        loads += 1;
        await Promise.resolve();
        cache.invalidate({ id: 'id-1' });
        return acme;
      },
    });
    expect(await cache.get({ id: 'id-1' })).toBe(acme);
    expect(loads).toBe(3);
    await cache.get({ id: 'id-1' });
    expect(loads, 'nothing of it was remembered').toBe(6);
  });
});
