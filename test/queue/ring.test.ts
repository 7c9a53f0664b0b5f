import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createQueue, type Queue } from '../../src/queue/create-queue.ts';
import {
  createQueueWorker,
  type QueueWorker,
  type QueueWorkerOptions,
} from '../../src/queue/create-worker.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { backendKinds, newPayload, startBackend, type TestBackend } from './backends.ts';
import { captureLog, until } from './captured-log.ts';

failOnLeaks();

describe.each(backendKinds)('a queue on %s', (kind) => {
  let place: TestBackend;
  let queue: Queue;
  const output = captureLog();
  const workers: QueueWorker[] = [];

  function startWorker(
    handle: QueueWorkerOptions<'run-provisioning'>['handle'],
    concurrency = 4,
  ): QueueWorker {
    const worker = createQueueWorker({
      name: 'run-provisioning',
      backend: place.backend,
      concurrency,
      handle,
      log: output.log,
    });
    workers.push(worker);
    return worker;
  }

  beforeAll(async () => {
    place = await startBackend(kind);
    queue = createQueue({ backend: place.backend, log: output.log });
  });

  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close(5_000)));
    const complaints = output.complaints();
    output.lines.splice(0);
    expect(complaints).toEqual([]);
  });

  afterAll(async () => {
    await queue.close();
    await place.stop();
  });

  test('brings a job to the worker, and in it only which run to look at', async () => {
    const payload = newPayload();
    const handled: unknown[] = [];
    startWorker(async (job, { jobId }) => {
      handled.push({ job, jobId });
    });
    await queue.ring('run-provisioning', payload, 7);
    await until(() => handled.length === 1);
    const jobId = `${payload.tenant_id}-3-7`;
    expect(handled).toEqual([{ job: payload, jobId }]);
    const stored = (await place.readJobs()).find(({ id }) => id === jobId);
    expect(stored?.data).toEqual(payload);
  });

  test('refuses a payload with anything else in it', async () => {
    const payload = { ...newPayload(), admin_password: 's3cret' };
    await expect(queue.ring('run-provisioning', payload, 1)).rejects.toThrow(/admin_password/);
  });

  test('runs an id once while it still exists, and the next ring again', async () => {
    const payload = newPayload();
    const ids: string[] = [];
    startWorker(async (_payload, { jobId }) => {
      ids.push(jobId);
    });
    await queue.ring('run-provisioning', payload, 1);
    await until(() => ids.length === 1);
    await queue.ring('run-provisioning', payload, 1);
    await queue.ring('run-provisioning', payload, 2);
    await until(() => ids.length >= 2);
    expect(ids.map((id) => id.slice(-1))).toEqual(['1', '2']);
  });

  test('outlives a handler that throws, logs why, and stores nothing of it', async () => {
    const failing = newPayload();
    const next = newPayload();
    const seen: string[] = [];
    startWorker(async ({ tenant_id }) => {
      seen.push(tenant_id);
      if (tenant_id === failing.tenant_id) throw new Error('password of acme is hunter2');
    });
    await queue.ring('run-provisioning', failing, 1);
    await queue.ring('run-provisioning', next, 1);
    await until(() => seen.includes(next.tenant_id));
    await until(async () => (await queue.counts()).failed === 1);
    expect(seen.filter((id) => id === failing.tenant_id)).toHaveLength(1);
    expect(JSON.stringify(await place.readJobs())).not.toContain('hunter2');
    expect(output.complaints()).toEqual(['A job failed']);
    expect(output.lines.find(({ msg }) => msg === 'A job failed')).toMatchObject({
      err: { message: 'password of acme is hunter2' },
    });
    output.lines.splice(0);
  });

  test('runs no more jobs at once than it may', async () => {
    let running = 0;
    let most = 0;
    let done = 0;
    startWorker(async () => {
      running += 1;
      most = Math.max(most, running);
      await sleep(100);
      running -= 1;
      done += 1;
    }, 2);
    await Promise.all(Array.from({ length: 6 }, () => queue.ring('run-provisioning', newPayload(), 1)));
    await until(() => done === 6);
    expect(most).toBe(2);
  });

  test('waits at close for the running job, and takes no other', async () => {
    const seen: string[] = [];
    const finished: string[] = [];
    let finish: () => void = () => undefined;
    const worker = startWorker(async (_payload, { jobId }) => {
      seen.push(jobId);
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      finished.push(jobId);
    });
    await queue.ring('run-provisioning', newPayload(), 1);
    await until(() => seen.length === 1);
    const closing = worker.close(30_000);
    await queue.ring('run-provisioning', newPayload(), 1);
    await sleep(300);
    expect(finished).toEqual([]);
    finish();
    await closing;
    expect(finished).toEqual(seen);
    expect(seen).toHaveLength(1);
    const heirs: string[] = [];
    startWorker(async (_payload, { jobId }) => {
      heirs.push(jobId);
    });
    await until(() => heirs.length === 1);
    expect(heirs).not.toEqual(seen);
  });

  test('tells a job to stop that outlasts the grace, and leaves it to another worker', async () => {
    const payload = newPayload();
    const reasons: unknown[] = [];
    let isStarted = false;
    const worker = startWorker(async (_payload, { signal }) => {
      isStarted = true;
      await once(signal, 'abort');
      reasons.push(signal.reason);
      signal.throwIfAborted();
    });
    await queue.ring('run-provisioning', payload, 1);
    await until(() => isStarted);
    await worker.close(50);
    expect(reasons).toEqual(['shutting down']);
    const heirs: string[] = [];
    startWorker(async ({ tenant_id }) => {
      heirs.push(tenant_id);
    });
    await until(() => heirs.length === 1);
    expect(heirs).toEqual([payload.tenant_id]);
  });

  test('closes in time although a job never ends', async () => {
    let isStarted = false;
    const worker = startWorker(async () => {
      isStarted = true;
      await new Promise(() => undefined);
    });
    await queue.ring('run-provisioning', newPayload(), 1);
    await until(() => isStarted);
    await worker.close(50);
  });

  test('counts, and says that it can be reached', async () => {
    const { waiting } = await queue.counts();
    await queue.ring('run-provisioning', newPayload(), 1);
    await expect(queue.counts()).resolves.toMatchObject({ waiting: waiting + 1 });
    await expect(queue.isReachable()).resolves.toBe(true);
  });
});
