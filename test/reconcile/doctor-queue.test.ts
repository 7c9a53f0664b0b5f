import { afterEach, expect, test } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { checkQueue } from '../../src/reconcile/doctor/check-queue.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { startTestRedis, type TestRedis, type TestRedisOptions } from '../support/redis-server.ts';

failOnLeaks();

let redis: TestRedis | undefined;
afterEach(async () => {
  await redis?.stop();
  redis = undefined;
});

async function look(options: TestRedisOptions) {
  redis = await startTestRedis(options);
  const checks = await checkQueue({ queueRedis: { url: redis.url, password: undefined } });
  return Object.fromEntries(checks.map((each) => [each.check, each]));
}

test('a Redis that throws jobs away is a problem, with the command that mends it', async () => {
  const found = await look({ maxmemoryPolicy: 'allkeys-lru' });
  expect(found['queue.redis']).toMatchObject({
    status: 'problem',
    detail: expect.stringContaining('allkeys-lru'),
    remedy: expect.stringContaining('CONFIG SET maxmemory-policy noeviction'),
  });
});

test('one that keeps them is in order, and it is said that it forgets them when it dies', async () => {
  const found = await look({});
  expect(found['queue.redis']).toBeUndefined();
  expect(found['queue.reachable']).toMatchObject({ status: 'ok' });
  expect(found['queue.memory']).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('without a limit'),
  });
  expect(found['queue.persistence']).toMatchObject({
    status: 'warning',
    remedy: expect.stringContaining('appendonly'),
  });
});

test('one that is nearly full is a warning before it takes no further job', async () => {
  const found = await look({ maxmemory: '1mb' });
  expect(found['queue.memory']).toMatchObject({
    status: 'warning',
    remedy: expect.stringContaining('maxmemory'),
  });
});

test('one that is away is a problem, and what goes on without it is said', async () => {
  const [found] = await checkQueue({
    queueRedis: { url: `redis://127.0.0.1:${await findFreePort()}`, password: undefined },
  });
  expect(found).toMatchObject({
    status: 'problem',
    remedy: expect.stringContaining('go on from the registry'),
  });
});

test('without Redis it is said where the queue lives', async () => {
  expect(await checkQueue({ queueRedis: undefined })).toMatchObject([
    { status: 'ok', detail: expect.stringContaining('registry database') },
  ]);
});
