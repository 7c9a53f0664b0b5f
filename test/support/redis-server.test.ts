import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { failOnLeaks } from './leaks.ts';
import { startTestRedis, type TestRedis } from './redis-server.ts';

failOnLeaks();

let server: TestRedis;

beforeAll(async () => {
  server = await startTestRedis({ password: 'se:cret/?' });
});

afterAll(() => server.stop());

async function withClient<Result>(use: (client: Redis) => Promise<Result>): Promise<Result> {
  const client = new Redis(server.url, { maxRetriesPerRequest: 1, retryStrategy: () => 50 });
  client.on('error', () => undefined);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
}

test('answers with the policy that the queue needs', async () => {
  const policy = await withClient((client) => client.config('GET', 'maxmemory-policy'));
  expect(policy).toEqual(['maxmemory-policy', 'noeviction']);
});

test('is unreachable after kill and empty after restart', async () => {
  await withClient((client) => client.set('kept', 'yes'));
  await server.kill();
  await expect(withClient((client) => client.get('kept'))).rejects.toThrow();
  await server.restart();
  await expect(withClient((client) => client.get('kept'))).resolves.toBeNull();
});

test('answers a paused question after resume', async () => {
  await withClient(async (client) => {
    await client.ping();
    await server.pause();
    let answered = false;
    const answer = client.ping().then(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answered).toBe(false);
    await server.resume();
    await answer;
  });
});
