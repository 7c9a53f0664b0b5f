import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';

describe('two api and two worker processes on external PostgreSQL and Redis', () => {
  let redis: TestRedis;
  let deployment: Deployment;

  beforeAll(async () => {
    redis = await startTestRedis({ maxmemoryPolicy: 'noeviction' });
    deployment = await createDeployment({ api: 2, worker: 2, environment: { REDIS_URL: redis.url } });
  }, 180_000);
  afterAll(async () => {
    await deployment.stop();
    await redis.stop();
  });

  it('register on one, show status and events on the other, and serve data on both', async () => {
    const [one, other] = deployment.apis;
    const accepted = await one.register('Spread Out', 'admin@spread.example', { prefer: 'respond-async' });
    expect(accepted.status).toBe(202);
    const { provisioning_id: runId, slug } = accepted.body.data;
    expect(slug).toBe('spread-out');

    const events = await readEvents(`${other.origin}/api/auth/provisioning-status/${runId}/events`);
    expect(events.at(-1)).toMatchObject({ status: 'completed', progress: 100 });
    const status = await other.get(`/api/auth/provisioning-status/${runId}`);
    expect(status.body.data).toMatchObject({ status: 'completed', slug });

    const login = await other.post('/api/auth/login', {
      email: 'admin@spread.example',
      password: 'Test123!',
    });
    expect(login.status).toBe(200);
    const [here, there] = [
      one.withToken(login.body.data.access_token),
      other.withToken(login.body.data.access_token),
    ];
    expect((await here.post('/api/data/companies', { name: 'Written on one' })).status).toBe(201);
    expect((await there.get('/api/data/companies?select=name')).body).toEqual([{ name: 'Written on one' }]);
    expect((await here.get('/api/data/companies?select=name')).body).toEqual([{ name: 'Written on one' }]);
  });

  it('answer 201 with a token when they wait, from either process', async () => {
    for (const [index, api] of deployment.apis.entries()) {
      const answer = await api.register(`Waited ${index}`, `waited${index}@example.com`);
      expect(answer.status).toBe(201);
      expect(answer.body.data.access_token).toMatch(/^ey/);
    }
  });

  it('refuse a suspended tenant on both', async () => {
    const [one, other] = deployment.apis;
    const { body } = await one.register('Short Lived', 'short@example.com');
    const operator = one.as({ 'x-admin-key': deployment.adminKey });
    const member = other.withToken(body.data.access_token);
    expect((await member.get('/api/data/companies')).status).toBe(200);
    expect(
      (await operator.post(`/api/admin/tenants/${body.data.slug}/suspend`, { reason: 'unpaid' })).status,
    ).toBe(200);
    await expect.poll(async () => (await member.get('/api/data/companies')).status).toBe(409);
    await expect
      .poll(async () => (await one.withToken(body.data.access_token).get('/api/data/companies')).status)
      .toBe(409);
  });
});

async function readEvents(url: string): Promise<unknown[]> {
  const response = await fetch(url);
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const text = await response.text();
  return text
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => JSON.parse(line.slice('data:'.length)));
}
