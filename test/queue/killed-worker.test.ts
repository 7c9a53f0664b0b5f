import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createQueue, type Queue } from '../../src/queue/create-queue.ts';
import { createQueueWorker, type QueueWorker } from '../../src/queue/create-worker.ts';
import { argumentsToRun } from '../support/bundled-programs.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { backendKinds, newPayload, startBackend, type TestBackend } from './backends.ts';
import { captureLog, until } from './captured-log.ts';

failOnLeaks();

const redeliveryLimitMs = 30_000;

describe.each(backendKinds)('the job of a worker process on %s', (kind) => {
  let place: TestBackend;
  let queue: Queue;
  let child: ChildProcess;
  let said = '';
  let second: QueueWorker | undefined;
  const output = captureLog();

  beforeAll(async () => {
    place = await startBackend(kind);
    queue = createQueue({ backend: place.backend, log: output.log });
  });

  afterEach(async () => {
    await second?.close(1_000);
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }
  });

  afterAll(async () => {
    await queue.close();
    await place.stop();
  });

  async function startFirstWorker(): Promise<void> {
    said = '';
    child = spawn(process.execPath, argumentsToRun('test/queue/worker-process.ts'), {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdout?.on('data', (text) => {
      said += text;
    });
    child.stdin?.write(`${JSON.stringify(place.backend)}\n`);
  }

  function startSecondWorker(): string[] {
    const handled: string[] = [];
    const handle = async (_payload: unknown, { jobId }: { jobId: string }) => {
      handled.push(jobId);
    };
    second = createQueueWorker({
      name: 'run-provisioning',
      backend: place.backend,
      concurrency: 1,
      handle,
      log: output.log,
    });
    return handled;
  }

  test('is given to another worker after SIGKILL', async () => {
    const payload = newPayload();
    await startFirstWorker();
    await queue.ring('run-provisioning', payload, 1);
    await until(() => said.includes('started'));
    child.kill('SIGKILL');
    const handled = startSecondWorker();
    await until(() => handled.length > 0, redeliveryLimitMs);
    expect(handled).toEqual([`${payload.tenant_id}-3-1`]);
    expect(output.complaints()).toEqual(['A job came back from a worker that is gone']);
    output.lines.splice(0);
  });

  test('is given to another worker after SIGSTOP, and told to stop when it goes on', async () => {
    const payload = newPayload();
    await startFirstWorker();
    await queue.ring('run-provisioning', payload, 2);
    await until(() => said.includes('started'));
    child.kill('SIGSTOP');
    const handled = startSecondWorker();
    await until(() => handled.length > 0, redeliveryLimitMs);
    expect(handled).toEqual([`${payload.tenant_id}-3-2`]);
    child.kill('SIGCONT');
    await until(() => said.includes('aborted'));
  });

  test('stays its own however long it takes', async () => {
    const payload = newPayload();
    await startFirstWorker();
    await queue.ring('run-provisioning', payload, 3);
    await until(() => said.includes('started'));
    const handled = startSecondWorker();
    // More than a lock and two looks for stalled jobs.
    await new Promise((resolve) => setTimeout(resolve, 14_000));
    expect(handled).toEqual([]);
    expect(said).not.toContain('aborted');
  });
});
