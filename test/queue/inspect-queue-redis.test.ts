import { afterEach, expect, test } from 'vitest';
import { inspectQueueRedis } from '../../src/queue/inspect-queue-redis.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { startTestRedis, type TestRedisOptions } from '../support/redis-server.ts';
import { startFakeRedis } from './fake-redis.ts';

failOnLeaks();

const servers: { stop: () => Promise<unknown> }[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
});

async function startRedis(options?: TestRedisOptions) {
  const server = await startTestRedis(options);
  servers.push(server);
  return server;
}

async function startFake(info: string): Promise<string> {
  const server = await startFakeRedis(info);
  servers.push(server);
  return server.url;
}

async function kindsOf(url: string): Promise<string[]> {
  return (await inspectQueueRedis({ url })).map(({ kind }) => kind);
}

test('finds nothing wrong with a Redis that keeps everything', async () => {
  const { url } = await startRedis();
  await expect(inspectQueueRedis({ url })).resolves.toEqual([]);
});

test('takes the password from beside the URL', async () => {
  const { port } = await startRedis({ password: 'se:cret/?' });
  const url = `redis://127.0.0.1:${port}`;
  await expect(inspectQueueRedis({ url, password: 'se:cret/?' })).resolves.toEqual([]);
  await expect(kindsOf(url)).resolves.toEqual(['unreachable']);
});

test('names the policy of a Redis that may throw jobs away, and what to do', async () => {
  const { url } = await startRedis({ maxmemoryPolicy: 'allkeys-lru' });
  const findings = await inspectQueueRedis({ url });
  expect(findings).toMatchObject([{ kind: 'evicts' }]);
  expect(findings[0]?.message).toMatch(/allkeys-lru.*noeviction/);
});

test('says so when Redis is down or hangs, within some seconds', async () => {
  const server = await startRedis();
  await server.pause();
  await expect(kindsOf(server.url)).resolves.toEqual(['unreachable']);
  await server.kill();
  await expect(kindsOf(server.url)).resolves.toEqual(['unreachable']);
});

test.each([
  ['5.0.14', ['too-old']],
  ['6.0.20', ['too-old']],
  ['6.2.0', []],
  ['10.0.1', []],
])('judges version %s', async (version, kinds) => {
  const url = await startFake(`redis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`);
  await expect(kindsOf(url)).resolves.toEqual(kinds);
});

test('says that it does not know when Redis does not tell', async () => {
  await expect(kindsOf(await startFake('# Server\r\n'))).resolves.toEqual(['unknown']);
});
