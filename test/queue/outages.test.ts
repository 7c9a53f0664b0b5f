import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { createQueue } from '../../src/queue/create-queue.ts';
import { createQueueWorker } from '../../src/queue/create-worker.ts';
import { migrateQueue } from '../../src/queue/migrate-queue.ts';
import type { QueueBackend } from '../../src/queue/queue-backend.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { startTestRedis } from '../support/redis-server.ts';
import { newPayload } from './backends.ts';
import { captureLog, until } from './captured-log.ts';

failOnLeaks();

const unreachable = 'The queue cannot be reached; it is tried again until it can';
const forgotten = 'The end of a job could not be noted: it is gone, or another worker has it';
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

async function startRedis() {
  const server = await startTestRedis();
  cleanups.push(server.stop);
  return server;
}

async function startPostgres(): Promise<{ server: TestPostgres; backend: QueueBackend }> {
  const server = await startTestPostgres();
  cleanups.push(server.stop);
  const { host, port, admin } = server;
  const login = { host, port, ...admin, database: 'postgres', ssl: false } as const;
  await migrateQueue(login);
  return { server, backend: { kind: 'postgres', login } };
}

function openQueue(backend: QueueBackend) {
  const output = captureLog();
  const queue = createQueue({ backend, log: output.log });
  cleanups.push(queue.close);
  return { queue, output };
}

function openWorker(backend: QueueBackend) {
  const output = captureLog();
  const handled: string[] = [];
  const handle = async ({ tenant_id }: { tenant_id: string }) => {
    handled.push(tenant_id);
  };
  const worker = createQueueWorker({
    name: 'run-provisioning',
    backend,
    concurrency: 2,
    handle,
    log: output.log,
  });
  cleanups.push(() => worker.close(1_000));
  return { handled, output };
}

/** @returns how long the ring took to be refused. */
async function timeOfRefusal(ringing: Promise<void>): Promise<number> {
  const start = performance.now();
  await expect(ringing).rejects.toMatchObject({ code: 'queue_unavailable' });
  return performance.now() - start;
}

test('ringing is refused within 2 s while Redis is down, and works when it is back', async () => {
  const redis = await startRedis();
  const { queue } = openQueue({ kind: 'redis', url: redis.url });
  await queue.ring('run-provisioning', newPayload(), 1);
  await redis.kill();
  expect(await timeOfRefusal(queue.ring('run-provisioning', newPayload(), 1))).toBeLessThan(2_000);
  await expect(queue.isReachable()).resolves.toBe(false);
  await redis.restart();
  await until(() => queue.isReachable());
  await queue.ring('run-provisioning', newPayload(), 1);
  await expect(queue.counts()).resolves.toMatchObject({ waiting: 1 });
});

test('a queue made while Redis is down works when Redis comes', async () => {
  const redis = await startRedis();
  await redis.kill();
  const { queue } = openQueue({ kind: 'redis', url: redis.url });
  expect(await timeOfRefusal(queue.ring('run-provisioning', newPayload(), 1))).toBeLessThan(2_000);
  await redis.restart();
  await until(() => queue.isReachable());
  await queue.ring('run-provisioning', newPayload(), 1);
});

test('ringing is refused within 2 s while Redis hangs', async () => {
  const redis = await startRedis();
  const { queue } = openQueue({ kind: 'redis', url: redis.url });
  await queue.ring('run-provisioning', newPayload(), 1);
  await redis.pause();
  expect(await timeOfRefusal(queue.ring('run-provisioning', newPayload(), 1))).toBeLessThan(2_000);
  await redis.resume();
  await until(() => queue.isReachable());
  await queue.ring('run-provisioning', newPayload(), 1);
});

test('ringing is refused when Redis has no memory left', async () => {
  const redis = await startTestRedis({ maxmemory: '1b' });
  cleanups.push(redis.stop);
  const { queue } = openQueue({ kind: 'redis', url: redis.url });
  await timeOfRefusal(queue.ring('run-provisioning', newPayload(), 1));
});

test('a worker outlives a restart of Redis, and says so in one line', async () => {
  const redis = await startRedis();
  const backend = { kind: 'redis', url: redis.url } as const;
  const { queue } = openQueue(backend);
  const { handled, output } = openWorker(backend);
  await queue.ring('run-provisioning', newPayload(), 1);
  await until(() => handled.length === 1);
  // Its end is noted after that, and would be complained of if it met the outage.
  await until(async () => (await queue.counts()).active === 0);
  await redis.kill();
  await until(() => output.complaints().length > 0);
  // Long enough for several vain attempts to connect.
  await sleep(2_000);
  await redis.restart();
  await until(() => queue.isReachable());
  await queue.ring('run-provisioning', newPayload(), 1);
  await until(() => handled.length === 2);
  expect(output.complaints()).toEqual([unreachable]);
  expect(output.lines.map(({ msg }) => msg)).toContain('The queue can be reached again');
});

test('a job that Redis forgot while it ran ends here, and the next one comes', async () => {
  const redis = await startRedis();
  const backend = { kind: 'redis', url: redis.url } as const;
  const { queue } = openQueue(backend);
  const output = captureLog();
  let finish: () => void = () => undefined;
  const started: string[] = [];
  const handle = async ({ tenant_id }: { tenant_id: string }) => {
    started.push(tenant_id);
    if (started.length > 1) return;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
  };
  const worker = createQueueWorker({
    name: 'run-provisioning',
    backend,
    concurrency: 2,
    handle,
    log: output.log,
  });
  cleanups.push(() => worker.close(1_000));
  await queue.ring('run-provisioning', newPayload(), 1);
  await until(() => started.length === 1);
  await redis.restart();
  await until(() => queue.isReachable());
  finish();
  await until(() => output.complaints().includes(forgotten));
  await queue.ring('run-provisioning', newPayload(), 1);
  await until(() => started.length === 2);
  // Whether a connect fails meanwhile depends on how fast Redis starts.
  const others = output.complaints().filter((complaint) => complaint !== unreachable);
  expect(new Set(others)).toEqual(new Set([forgotten]));
});

test('a worker started before its Redis takes jobs when Redis comes', async () => {
  const redis = await startRedis();
  await redis.kill();
  const backend = { kind: 'redis', url: redis.url } as const;
  const { handled, output } = openWorker(backend);
  await until(() => output.complaints().length > 0);
  await redis.restart();
  const { queue } = openQueue(backend);
  await queue.ring('run-provisioning', newPayload(), 1);
  await until(() => handled.length === 1);
  expect(output.complaints()).toEqual([unreachable]);
});

test('a worker closes although its Redis is down', async () => {
  const redis = await startRedis();
  const backend = { kind: 'redis', url: redis.url } as const;
  const { output } = openWorker(backend);
  const { queue } = openQueue(backend);
  await queue.ring('run-provisioning', newPayload(), 1);
  await redis.kill();
  await until(() => output.complaints().length > 0);
});

test('ringing and a worker outlive an immediate restart of PostgreSQL', async () => {
  const { server, backend } = await startPostgres();
  const { queue, output: queueOutput } = openQueue(backend);
  const { handled, output } = openWorker(backend);
  await queue.ring('run-provisioning', newPayload(), 1);
  await until(() => handled.length === 1);
  await until(async () => (await queue.counts()).active === 0);
  await server.restart('immediate');
  await until(() => queue.isReachable());
  const payload = newPayload();
  await queue.ring('run-provisioning', payload, 1);
  await until(() => handled.includes(payload.tenant_id));
  expect(output.complaints()).toEqual([unreachable]);
  expect(new Set(queueOutput.complaints())).toEqual(new Set([unreachable]));
});

test('a queue and a worker made before the migration work after it', async () => {
  const server = await startTestPostgres();
  cleanups.push(server.stop);
  const { host, port, admin } = server;
  const login = { host, port, ...admin, database: 'postgres', ssl: false } as const;
  const backend = { kind: 'postgres', login } as const;
  const { queue } = openQueue(backend);
  const { handled, output } = openWorker(backend);
  expect(await timeOfRefusal(queue.ring('run-provisioning', newPayload(), 1))).toBeLessThan(2_000);
  await until(() => output.complaints().length > 0);
  await Promise.all([migrateQueue(login), migrateQueue(login)]);
  await queue.ring('run-provisioning', newPayload(), 1);
  await until(() => handled.length === 1);
  expect(output.complaints()).toEqual([unreachable]);
});
