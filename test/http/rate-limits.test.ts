import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createSharedTallies } from '../../src/cache/shared-tallies.ts';
import { errors } from '../../src/errors/catalogue.ts';
import { createAdminKey } from '../../src/http/admin-key.ts';
import type { App } from '../../src/http/app.ts';
import type { MemberClaims } from '../../src/http/caller.ts';
import { createHealth } from '../../src/http/health.ts';
import { createRateLimits } from '../../src/http/rate-limits.ts';
import { healthRoutes } from '../../src/http/routes/health.ts';
import { awaitAnswer, connectRedis, type RedisClient } from '../../src/queue/link-to-redis.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';
import { adminKey, createTestApp, inject, user } from './test-app.ts';

const routes: FastifyPluginAsyncZod = async (api) => {
  api.get('/open', { config: { access: 'anyone' } }, async () => 'open');
  api.get('/mine', { config: { access: 'tenant-member' } }, async () => 'mine');
  api.get('/me', { config: { access: 'member' } }, async () => 'me');
  api.get('/operate', { config: { access: 'operator' } }, async () => 'operated');
};

const otherTenant = '0199a0aa-0000-7000-8000-00000000000b';
const members: Record<string, MemberClaims> = {
  'of free': user,
  'colleague of free': { ...user, userId: '0199a0aa-0000-7000-8000-00000000000a' },
  'of enterprise': { ...user, tenantId: otherTenant },
  'super admin': { ...user, role: 'SUPER_ADMIN', tenantId: null, tenantKey: null },
};

let redis: TestRedis;
let clients: RedisClient[];
let apps: App[];
let limited: string[];

beforeEach(async () => {
  redis = await startTestRedis();
  [clients, apps, limited] = [[], [], []];
});
afterEach(async () => {
  for (const app of apps) await app.close();
  for (const client of clients) client.disconnect();
  await redis.stop();
});

/** One more process on the same Redis: 5 calls for addresses, 3 per minute for the plan "free". */
async function startApp(trustedProxies: readonly string[] = []): Promise<App> {
  const client = connectRedis({ url: redis.url }, 'producer');
  client.on('error', () => undefined);
  clients.push(client);
  await awaitAnswer(client);
  const ignore = () => undefined;
  const { open } = createSharedTallies({ redis: client, onFailed: ignore, onRecovered: ignore });
  const limits = createRateLimits({
    openTallies: open,
    windowMs: 900_000,
    maxRequests: 5,
    requestsPerMinute: async (tenantId) => (tenantId === otherTenant ? null : 3),
    onLimited: (reason) => limited.push(reason),
  });
  const verifyAccessToken = async (token: string) => {
    const claims = members[token.replaceAll('_', ' ')];
    if (claims === undefined) throw errors.notAuthenticated();
    return claims;
  };
  const { app } = await createTestApp([routes, healthRoutes({ health: createHealth({ checks: {} }) })], {
    settings: { trustedProxies },
    authentication: { limits, verifyAccessToken, adminKey: createAdminKey(adminKey) },
  });
  apps.push(app);
  return app;
}

type Sent = { url?: string; from?: string; headers?: Record<string, string>; method?: 'GET' | 'POST' };

const call = (app: App, { url = '/open', from = '203.0.113.1', headers = {}, method = 'GET' }: Sent = {}) =>
  inject(app, { method, url, headers, remoteAddress: from });

const as = (who: string) => ({ authorization: `Bearer ${who.replaceAll(' ', '_')}` });

async function statuses(count: number, send: (at: number) => ReturnType<typeof call>): Promise<number[]> {
  const found: number[] = [];
  for (let at = 0; at < count; at += 1) found.push((await send(at)).statusCode);
  return found;
}

describe('callers of whom nothing is known', () => {
  test('are counted by address, over both processes, and told how long to wait', async () => {
    const [one, two] = [await startApp(), await startApp()];
    expect(await statuses(5, (at) => call(at % 2 === 0 ? one : two))).toEqual([200, 200, 200, 200, 200]);
    const refused = await call(one);
    expect(refused.statusCode).toBe(429);
    expect(refused.json()).toMatchObject({ success: false, code: 'rate_limited', status: 429 });
    const wait = Number(refused.headers['retry-after']);
    expect(wait).toBeGreaterThan(880);
    expect(wait).toBeLessThanOrEqual(900);
    expect((await call(two)).statusCode).toBe(429);
    expect((await call(two, { from: '203.0.113.2' })).statusCode).toBe(200);
    expect(limited).toEqual(['anonymous', 'anonymous']);
  });

  test('see in each answer what is left', async () => {
    const app = await startApp();
    await call(app);
    const { headers } = await call(app);
    expect(headers['ratelimit-policy']).toBe('"anonymous";q=5;w=900');
    expect(headers.ratelimit).toMatch(/^"anonymous";r=3;t=(900|899)$/);
  });

  test.each([
    { 'x-forwarded-for': '198.51.100.' },
    { 'x-real-ip': '198.51.100.' },
    { forwarded: 'for=198.51.100.' },
    { 'x-client-ip': '198.51.100.' },
    { 'true-client-ip': '198.51.100.' },
    { 'x-request-id': 'another-' },
    { 'user-agent': 'another-' },
  ])('do not become others by a header of theirs: %o', async (headers) => {
    const app = await startApp();
    const changing = (at: number) =>
      Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, `${value}${at}`]));
    const answers = await statuses(6, (at) => call(app, { headers: changing(at) }));
    expect(answers).toEqual([200, 200, 200, 200, 200, 429]);
  });

  test.each([
    ['/open?', '/open?a=1', '/OPEN', '//open', '/%6fpen', '/nothing/here'],
    ['/open', '/mine', '/me', '/open', '/mine', '/open'],
  ])(
    'do not become others by the spelling of a path, or by failing to prove who they are',
    async (...paths) => {
      const app = await startApp();
      const answers = await statuses(6, (at) => call(app, { url: paths[at] ?? '', headers: as('nobody') }));
      expect(answers.slice(0, 5)).not.toContain(429);
      expect(answers[5]).toBe(429);
    },
  );

  test('have all addresses of their /64 network together', async () => {
    const app = await startApp();
    const answers = await statuses(6, (at) => call(app, { from: `2001:db8:1:2:${at}::${at}` }));
    expect(answers).toEqual([200, 200, 200, 200, 200, 429]);
    expect((await call(app, { from: '2001:db8:1:3::1' })).statusCode).toBe(200);
  });

  test('are told apart behind a trusted proxy, by the address that it saw', async () => {
    const app = await startApp(['10.0.0.0/8']);
    const through = (forwarded: string) =>
      call(app, { from: '10.1.1.1', headers: { 'x-forwarded-for': forwarded } });
    expect(await statuses(6, (at) => through(`198.51.100.${at}, 203.0.113.9`))).toEqual([
      200, 200, 200, 200, 200, 429,
    ]);
    expect((await through('203.0.113.10')).statusCode).toBe(200);
  });

  test('may ask for health as often as they like', async () => {
    const app = await startApp();
    for (const url of ['/health', '/health/live', '/health/ready']) {
      expect(new Set(await statuses(10, () => call(app, { url })))).toEqual(new Set([200]));
    }
    expect((await call(app)).statusCode).toBe(200);
  });
});

describe('members', () => {
  const mine = (app: App, who: string, url = '/mine') => call(app, { url, headers: as(who) });

  test('are counted by tenant as its plan says, wherever they are and over both processes', async () => {
    const [one, two] = [await startApp(), await startApp()];
    expect((await mine(one, 'of free')).headers['ratelimit-policy']).toBe('"tenant";q=3;w=60');
    expect((await mine(two, 'colleague of free')).statusCode).toBe(200);
    expect((await mine(two, 'of free', '/me')).statusCode).toBe(200);
    const refused = await mine(one, 'colleague of free');
    expect(refused.statusCode).toBe(429);
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect(new Set(await statuses(20, () => mine(one, 'of enterprise')))).toEqual(new Set([200]));
  });

  test('are counted by person without a tenant', async () => {
    const app = await startApp();
    expect(await statuses(6, () => mine(app, 'super admin', '/me'))).toEqual([200, 200, 200, 200, 200, 429]);
  });
});

describe('operators', () => {
  const operate = (app: App, key: string, from?: string) =>
    call(app, { url: '/operate', headers: { 'x-admin-key': key }, ...(from !== undefined && { from }) });

  test('are not counted', async () => {
    const app = await startApp();
    expect(new Set(await statuses(20, () => operate(app, adminKey)))).toEqual(new Set([200]));
  });

  test('have ten wrong keys a minute over both processes; then also the right one is refused there', async () => {
    const [one, two] = [await startApp(), await startApp()];
    const wrong = await statuses(12, (at) => operate(at % 2 === 0 ? one : two, `wrong ${at}`));
    expect(wrong).toEqual([...Array<number>(10).fill(401), 429, 429]);
    const right = await operate(two, adminKey);
    expect(right.statusCode).toBe(429);
    expect(right.json()).toMatchObject({ code: 'too_many_attempts' });
    expect(Number(right.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect((await operate(one, adminKey, '203.0.113.77')).statusCode).toBe(200);
    expect(limited).toEqual(['admin_key', 'admin_key', 'admin_key']);
  });

  test('fifty wrong keys at once count as fifty', async () => {
    const app = await startApp();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => operate(app, `wrong ${at}`)));
    expect(answers.filter(({ statusCode }) => statusCode === 401)).toHaveLength(10);
  });
});

test('without Redis everybody is counted by each process, and nobody is refused who would not be', async () => {
  const [one, two] = [await startApp(), await startApp()];
  await statuses(3, () => call(one));
  await redis.kill();
  expect(await statuses(3, () => call(one))).toEqual([200, 200, 429]);
  expect(await statuses(6, () => call(two))).toEqual([200, 200, 200, 200, 200, 429]);
  expect((await call(one, { from: '203.0.113.3' })).statusCode).toBe(200);
  await redis.restart();
  let host = 10;
  await vi.waitFor(
    async () => {
      host += 1;
      await call(one, { from: `203.0.113.${host}` });
      const { headers } = await call(two, { from: `203.0.113.${host}` });
      expect(headers.ratelimit).toContain('r=3');
    },
    { timeout: 10_000, interval: 250 },
  );
}, 20_000);
