import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLocalTallies } from '../../src/cache/local-tallies.ts';
import { createSharedTallies } from '../../src/cache/shared-tallies.ts';
import { awaitAnswer, connectRedis, type RedisClient } from '../../src/queue/link-to-redis.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';

const windowMs = 60_000;

describe('two processes on one Redis', () => {
  let redis: TestRedis;
  let clients: RedisClient[];

  beforeEach(async () => {
    redis = await startTestRedis();
    clients = [];
  });
  afterEach(async () => {
    for (const client of clients) client.disconnect();
    await redis.stop();
  });

  async function startProcess() {
    const client = connectRedis({ url: redis.url }, 'producer');
    client.on('error', () => undefined);
    clients.push(client);
    await awaitAnswer(client);
    const told: string[] = [];
    const shared = createSharedTallies({
      redis: client,
      onFailed: () => told.push('failed'),
      onRecovered: () => told.push('recovered'),
      pauseMs: 200,
    });
    return { tallies: shared.open('test', windowMs), other: shared.open('other', windowMs), told };
  }

  const counted = async (adding: Promise<{ count: number }>) => (await adding).count;

  test('count together, each name and key for itself', async () => {
    const [one, two] = [await startProcess(), await startProcess()];
    const counts = await Promise.all(
      Array.from({ length: 50 }, (_, at) => counted((at % 2 === 0 ? one : two).tallies.add('a'))),
    );
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
    expect(await counted(one.tallies.add('b'))).toBe(1);
    expect(await counted(two.other.add('a'))).toBe(1);
    const { count, resetMs } = await two.tallies.read('a');
    expect(count).toBe(50);
    expect(resetMs).toBeGreaterThan(0);
    expect(resetMs).toBeLessThanOrEqual(windowMs);
  });

  test('take back and clear for each other', async () => {
    const [one, two] = [await startProcess(), await startProcess()];
    await one.tallies.add('a');
    await one.tallies.add('a');
    await two.tallies.takeBack('a');
    expect(await counted(one.tallies.read('a'))).toBe(1);
    await two.tallies.clear('a');
    expect(await counted(one.tallies.read('a'))).toBe(0);
  });

  test('go on by themselves from what each has counted when Redis dies, and together when it is back', async () => {
    const [one, two] = [await startProcess(), await startProcess()];
    for (let at = 0; at < 3; at += 1) await one.tallies.add('a');
    await two.tallies.add('a');
    await redis.kill();
    expect(await counted(one.tallies.add('a'))).toBe(4);
    expect(await counted(two.tallies.add('a'))).toBe(2);
    expect(one.told).toContain('failed');
    await redis.restart();
    await vi.waitFor(
      async () => {
        await one.tallies.clear('probe');
        await two.tallies.clear('probe');
        expect([one.told.at(-1), two.told.at(-1)]).toEqual(['recovered', 'recovered']);
      },
      { timeout: 10_000, interval: 100 },
    );
    await one.tallies.add('after');
    expect(await counted(two.tallies.add('after'))).toBe(2);
  });

  test('a Redis that hangs holds up one caller for its time-out, and nobody after it', async () => {
    const { tallies, told } = await startProcess();
    await redis.pause();
    expect(await counted(tallies.add('a'))).toBe(1);
    expect(told.filter((each) => each === 'failed')).toHaveLength(1);
    const counts = await Promise.all(Array.from({ length: 100 }, () => counted(tallies.add('a'))));
    expect(counts.at(-1)).toBe(101);
    expect(told.filter((each) => each === 'failed')).toHaveLength(1);
    await redis.resume();
  });
});

test('a window begins with its first count, and is not prolonged by others', async () => {
  vi.useFakeTimers();
  try {
    const tallies = createLocalTallies(1_000);
    expect(await tallies.add('a')).toEqual({ count: 1, resetMs: 1_000 });
    vi.advanceTimersByTime(900);
    expect(await tallies.add('a')).toEqual({ count: 2, resetMs: 100 });
    vi.advanceTimersByTime(100);
    expect(await tallies.read('a')).toEqual({ count: 0, resetMs: 1_000 });
    expect(await tallies.add('a')).toEqual({ count: 1, resetMs: 1_000 });
  } finally {
    vi.useRealTimers();
  }
});

test('without Redis each process counts for itself', async () => {
  const open = () =>
    createSharedTallies({ redis: undefined, onFailed: fail, onRecovered: fail }).open('test', windowMs);
  const [one, two] = [open(), open()];
  await one.add('a');
  expect((await one.add('a')).count).toBe(2);
  expect((await two.add('a')).count).toBe(1);
});

function fail(): never {
  throw new Error('There is no Redis that could be asked.');
}
