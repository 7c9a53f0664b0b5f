import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';
import {
  answersOf,
  expectExactlyOneEach,
  expectNoCrash,
  type Registration,
  register,
  slowestMs,
  whileUnfinished,
} from './registration-wave.ts';

const registrations = 50;
const waitMs = 2_000;
/** A limit of behaviour: nobody waits longer for an answer than they were promised, and a second. */
const answerWithinMs = waitMs + 1_000;
const outageMs = 20_000;
/** The lock of a job in the queue ends after 8 s without a sign of life. */
const longerThanLocksMs = 9_000;
const roomForOthers = 500_000;

let redis: TestRedis;
let operator: Redis;
let listener: Redis | undefined;
let deployment: Deployment;

beforeEach(async () => {
  redis = await startTestRedis();
  operator = new Redis(redis.url);
  operator.on('error', () => undefined);
  deployment = await createDeployment({
    api: 1,
    worker: 1,
    environment: { REDIS_URL: redis.url, PROVISIONING_WAIT_MS: String(waitMs), WARM_POOL_SIZE: '0' },
  });
  await deployment.processes.workers[0]?.program.saw(/template built/);
}, 120_000);

afterEach(async () => {
  try {
    expectNoCrash(deployment);
  } finally {
    operator.disconnect();
    listener?.disconnect();
    await deployment.stop();
    await redis.stop();
  }
});

const post = (everyMs = 0) =>
  register([deployment.apis[0]], { name: 'Organization', count: registrations, everyMs });

/** Every one has become one tenant, and there is nothing else. */
async function expectKept(posted: readonly Registration[], what: string): Promise<void> {
  const postedAt = Date.now();
  await expectExactlyOneEach(deployment, posted);
  const figures = { ...answersOf(posted), slowestMs: slowestMs(posted), restActiveMs: Date.now() - postedAt };
  console.log(`Redis ${what}: ${JSON.stringify(figures)}`);
}

describe(`${registrations} registrations become ${registrations} active tenants`, {
  timeout: 240_000,
}, () => {
  it(`although Redis is stopped for ${outageMs / 1_000} s meanwhile, and each is answered in its time`, async () => {
    await redis.kill();
    const back = delay(outageMs).then(redis.restart);
    const posted = await post(outageMs / registrations / 1.5);
    expect(slowestMs(posted)).toBeLessThan(answerWithinMs);
    expect(posted.map(({ outcomes }) => outcomes.length)).toEqual(posted.map(() => 1));
    await back;
    await expectKept(posted, 'stopped');
  });

  it('although Redis hangs while their jobs are active, for longer than the locks of the jobs', async () => {
    const posting = post();
    await activeJobs();
    await operator.client('PAUSE', 6_000, 'ALL');
    const posted = await posting;
    await activeJobs();
    await redis.pause();
    await delay(longerThanLocksMs);
    await redis.resume();
    await expectKept(posted, 'paused');
  });

  it('although Redis forgets everything, again and again, while their jobs are active', async () => {
    const posting = post(100);
    let flushes = 0;
    await whileUnfinished(deployment, registrations, async () => {
      await operator.flushall();
      flushes += 1;
      await delay(700);
    });
    expect(flushes).toBeGreaterThan(5);
    await expectKept(await posting, `flushed ${flushes} times`);
  });

  it('although Redis evicts their jobs', async () => {
    const evicted = await watchEvictions();
    await operator.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await operator.config('SET', 'maxmemory', (await usedMemory()) + roomForOthers);
    const posting = post(100);
    await whileUnfinished(deployment, registrations, async () => {
      // Refused when even that which is in use does not fit: full and evicting at once.
      await operator.set(`other ${Math.random()}`, 'x'.repeat(10_000)).catch(expectOutOfMemory);
      await delay(5);
    });
    await expectKept(await posting, `evicting, ${evicted.ofQueue()} keys of the queue`);
    expect(evicted.ofQueue()).toBeGreaterThan(0);
  });

  it('although Redis is full and takes nothing for a while', async () => {
    const posting = post(100);
    await activeJobs();
    await operator.config('SET', 'maxmemory', 1);
    await expect(operator.set('ballast', 'x')).rejects.toThrow(/OOM/);
    const posted = await posting;
    await operator.config('SET', 'maxmemory', 0);
    await expectKept(posted, 'full');
  });
});

function expectOutOfMemory(error: Error): void {
  expect(error.message).toMatch(/^OOM/);
}

async function activeJobs(): Promise<void> {
  await expect.poll(() => operator.llen('{tm}:run-provisioning:active'), { interval: 10 }).toBeGreaterThan(0);
}

async function usedMemory(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await operator.info('memory'))?.[1]);
}

async function watchEvictions() {
  await operator.config('SET', 'notify-keyspace-events', 'Ee');
  listener = operator.duplicate();
  listener.on('error', () => undefined);
  let count = 0;
  listener.on('message', (_channel, key: string) => {
    if (key.startsWith('{tm}:')) count += 1;
  });
  await listener.subscribe('__keyevent@0__:evicted');
  return { ofQueue: () => count };
}
