import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createQueue } from '../../src/queue/create-queue.ts';
import { createQueueWorker } from '../../src/queue/create-worker.ts';
import type { QueueBackend } from '../../src/queue/queue-backend.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { newPayload, startBackend, type TestBackend } from './backends.ts';
import { captureLog, until } from './captured-log.ts';
import { type Cut, startCuttingProxy } from './cutting-proxy.ts';

failOnLeaks();

const moments = ['instead of it', 'after it'] as const;
const cutsOf = (connection: number, answers: number): Cut[] =>
  moments.flatMap((moment) =>
    Array.from({ length: answers }, (_, index) => ({ connection, answer: index + 1, moment })),
  );
/** To log in takes three; then we look at the schema, BullMQ does, and only then something is asked of the queue. */
const firstConnection = cutsOf(1, 10);
/** To log in takes three; then the connection gets its name, listens, and hears of jobs. */
const listeningConnection = cutsOf(2, 7);

let place: TestBackend;
/** What nobody handles ends a process. */
const unhandled: unknown[] = [];
const note = (error: unknown) => unhandled.push(error);

beforeAll(async () => {
  place = await startBackend('postgres');
});

beforeEach(() => {
  process.on('uncaughtException', note);
});

afterEach(() => {
  process.off('uncaughtException', note);
  expect(unhandled.splice(0)).toEqual([]);
});

afterAll(() => place.stop());

async function startBehindProxy(cut: Cut) {
  if (place.backend.kind !== 'postgres') throw new Error('Only PostgreSQL is reached through the proxy.');
  const { login } = place.backend;
  const proxy = await startCuttingProxy(login, cut);
  const { host, port } = proxy;
  const backend: QueueBackend = { kind: 'postgres', login: { ...login, host, port } };
  return { proxy, backend };
}

async function ringUntilCut(cut: Cut): Promise<void> {
  const { proxy, backend } = await startBehindProxy(cut);
  const queue = createQueue({ backend, log: captureLog().log });
  const ring = () =>
    queue.ring('run-provisioning', newPayload(), 1).then(
      () => true,
      () => false,
    );
  await until(async () => {
    await ring();
    return proxy.hasCut();
  });
  await until(ring);
  await queue.close();
  await proxy.stop();
}

async function workUntilCut(cut: Cut): Promise<void> {
  const { proxy, backend } = await startBehindProxy(cut);
  const log = captureLog().log;
  const queue = createQueue({ backend: place.backend, log });
  let handled = 0;
  const handle = async () => {
    handled += 1;
  };
  const worker = createQueueWorker({ name: 'run-provisioning', backend, concurrency: 2, handle, log });
  const ring = () => queue.ring('run-provisioning', newPayload(), 1);
  await until(async () => {
    await ring();
    return proxy.hasCut();
  });
  const before = handled;
  await until(async () => {
    await ring();
    return handled > before;
  });
  await worker.close(2_000);
  await queue.close();
  await proxy.stop();
}

test.each(firstConnection)(
  'a queue rings although its connection breaks at answer $answer, $moment',
  async (cut) => ringUntilCut(cut),
);

test.each([...firstConnection, ...listeningConnection])(
  'a worker works although its connection $connection breaks at answer $answer, $moment',
  async (cut) => workUntilCut(cut),
);
