import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { runOn } from '../support/provisioning-bench.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';

const maxRequests = 40;

let redis: TestRedis;
let deployment: Deployment;
let token: string;

beforeAll(async () => {
  redis = await startTestRedis();
  deployment = await createDeployment({
    api: 2,
    worker: 1,
    environment: {
      REDIS_URL: redis.url,
      ENABLE_RATE_LIMITING: 'true',
      RATE_LIMIT_MAX_REQUESTS: String(maxRequests),
    },
  });
  const registered = await deployment.apis[0].register('Limited Corp', 'admin@limited.example');
  token = registered.body.data.access_token;
}, 180_000);
afterAll(async () => {
  await deployment.stop();
  await redis.stop();
});

const logIn = (api: Deployment['apis'][number], password: string) =>
  api.post('/api/auth/login', { email: 'admin@limited.example', password });

test('guesses of a password are counted over both processes, and the right one is refused after them', async () => {
  const [one, two] = deployment.apis;
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, at) => logIn(at % 2 === 0 ? one : two, `guess ${at}`)),
  );
  const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
  expect(statuses).toEqual([...Array<number>(10).fill(401), 429, 429]);
  const refused = await logIn(two, 'Test123!');
  expect(refused.status).toBe(429);
  expect(refused.body.code).toBe('too_many_attempts');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(800);
});

test('a tenant has the requests per minute of its plan, over both processes', async () => {
  const { server, registryName, startMore } = deployment;
  await runOn(server, registryName, "UPDATE plans SET requests_per_minute = 4 WHERE key = 'free'");
  // The others may remember the plans for some seconds.
  const fresh = [await startMore('api'), await startMore('api')];
  try {
    const call = async (at: number) => {
      const port = fresh[at % 2]?.port;
      const response = await fetch(`http://127.0.0.1:${port}/api/data/companies`, {
        headers: { authorization: `Bearer ${token}` },
      });
      await response.arrayBuffer();
      return { status: response.status, policy: response.headers.get('ratelimit-policy') };
    };
    const answers = [await call(0), await call(1), await call(2), await call(3), await call(4)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429]);
    expect(answers[0]?.policy).toBe('"tenant";q=4;w=60');
  } finally {
    await Promise.all(fresh.map(({ program }) => program.kill('SIGTERM')));
  }
}, 60_000);

test('an address has its calls over both processes, whatever it says it is, and metrics count refusals', async () => {
  const statuses: number[] = [];
  for (let at = 0; at < maxRequests; at += 1) {
    const api = deployment.apis[at % 2 === 0 ? 0 : 1];
    statuses.push((await api.get('/openapi.json', { 'x-forwarded-for': `198.51.100.${at}` })).status);
  }
  expect(statuses[0]).toBe(200);
  expect(statuses.at(-1)).toBe(429);
  // A registration and 13 logins came before.
  expect(statuses.filter((status) => status === 200)).toHaveLength(maxRequests - 14);
  const { processes } = deployment;
  expect((await deployment.apis[0].get('/health')).status).toBe(200);
  const texts = await Promise.all(
    processes.apis.map(async ({ metricsPort }) =>
      (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
    ),
  );
  const refused = (reason: string) =>
    texts
      .map(
        (text) =>
          new RegExp(`^rate_limited_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? '0',
      )
      .reduce((sum, count) => sum + Number(count), 0);
  expect(refused('anonymous')).toBe(14);
  expect(refused('login_pair')).toBe(3);
});

test('the lockout stays on with ENABLE_RATE_LIMITING=false, and nothing else is limited', async () => {
  const free = await deployment.startMore('api', { ENABLE_RATE_LIMITING: 'false' });
  try {
    const origin = `http://127.0.0.1:${free.port}`;
    for (let at = 0; at < maxRequests + 1; at += 1) {
      const response = await fetch(`${origin}/openapi.json`);
      await response.arrayBuffer();
      expect(response.status).toBe(200);
      expect(response.headers.get('ratelimit')).toBeNull();
    }
    const login = await fetch(`${origin}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'admin@limited.example', password: 'Test123!' }),
    });
    expect(login.status).toBe(429);
    await login.arrayBuffer();
  } finally {
    await free.program.kill('SIGTERM');
  }
}, 60_000);

test('nobody whom it concerns stands in Redis in clear, and every count ends by itself', async () => {
  const client = new Redis(redis.port, '127.0.0.1');
  try {
    const keys = await client.keys('tm:rate:*');
    expect(keys.length).toBeGreaterThan(2);
    expect(keys.join(' ')).not.toContain('limited.example');
    for (const key of keys) expect(await client.pttl(key)).toBeGreaterThan(0);
  } finally {
    client.disconnect();
  }
});
