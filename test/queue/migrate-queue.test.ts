import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createQueue } from '../../src/queue/create-queue.ts';
import { createQueueWorker } from '../../src/queue/create-worker.ts';
import { migrateQueue } from '../../src/queue/migrate-queue.ts';
import type { QueueBackend } from '../../src/queue/queue-backend.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';
import { newPayload } from './backends.ts';
import { captureLog, until } from './captured-log.ts';

failOnLeaks();

const suffix = randomUUID().slice(0, 8);
/** With capitals, so that it must be quoted. */
const runtimeRole = `Runtime_${suffix}`;
const strangerRole = `stranger_${suffix}`;
let registry: TestRegistry;

beforeAll(async () => {
  registry = await createTestRegistry();
  for (const role of [runtimeRole, strangerRole]) {
    await asOwner(`CREATE ROLE "${role}" LOGIN PASSWORD 'runtime-password'`);
  }
  await migrateQueue(registry.login, runtimeRole);
});

afterAll(async () => {
  await asOwner(`DROP OWNED BY "${runtimeRole}"`);
  for (const role of [runtimeRole, strangerRole]) await asOwner(`DROP ROLE "${role}"`);
  await registry.drop();
});

async function asOwner(statement: string): Promise<void> {
  const client = new pg.Client(registry.login);
  await client.connect();
  await client.query(statement);
  await client.end();
}

function backendAs(user: string): QueueBackend {
  return { kind: 'postgres', login: { ...registry.login, user, password: 'runtime-password' } };
}

test('the runtime role may ring and work though it owns nothing, also after a second migration', async () => {
  await migrateQueue(registry.login, runtimeRole);
  const output = captureLog();
  const backend = backendAs(runtimeRole);
  const queue = createQueue({ backend, log: output.log });
  const handled: string[] = [];
  const handle = async ({ tenant_id }: { tenant_id: string }) => {
    handled.push(tenant_id);
    if (handled.length === 2) throw new Error('the failing of a job needs rights as well');
  };
  const worker = createQueueWorker({
    name: 'run-provisioning',
    backend,
    concurrency: 1,
    handle,
    log: output.log,
  });
  await queue.ring('run-provisioning', newPayload(), 1);
  await queue.ring('run-provisioning', newPayload(), 1);
  await queue.ring('run-provisioning', newPayload(), 1);
  await until(() => handled.length === 3);
  await worker.close(5_000);
  await expect(queue.counts()).resolves.toEqual({ waiting: 0, active: 0, failed: 1 });
  await queue.close();
  expect(output.complaints()).toEqual(['A job failed']);
});

test('another role may not ring', async () => {
  const queue = createQueue({ backend: backendAs(strangerRole), log: captureLog().log });
  await expect(queue.ring('run-provisioning', newPayload(), 1)).rejects.toMatchObject({
    code: 'queue_unavailable',
    cause: { message: expect.stringContaining('permission denied') },
  });
  await queue.close();
});
