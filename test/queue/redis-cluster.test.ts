import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findRedisServer } from '../../scripts/test-tools.ts';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { createQueue } from '../../src/queue/create-queue.ts';
import { createQueueWorker } from '../../src/queue/create-worker.ts';
import { inspectQueueRedis } from '../../src/queue/inspect-queue-redis.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { newPayload } from './backends.ts';
import { captureLog, until } from './captured-log.ts';

failOnLeaks();

const slots = 16_384;
const nodeCount = 2;
const nodes: { port: number; server: ChildProcess }[] = [];
let folder: string;
let url: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenant-manager-cluster-'));
  for (let index = 0; index < nodeCount; index += 1) nodes.push(await startNode());
  await joinNodes();
  url = nodes.map(({ port }) => `redis://127.0.0.1:${port}`).join(',');
});

afterAll(async () => {
  for (const { server } of nodes) {
    server.kill('SIGKILL');
    await once(server, 'exit');
  }
  await rm(folder, { recursive: true, force: true });
});

async function startNode() {
  const program = findRedisServer();
  if (!program) throw new Error('redis-server was not found');
  const [port, busPort] = [await findFreePort(), await findFreePort()];
  const cluster = [
    '--cluster-enabled',
    'yes',
    '--cluster-port',
    `${busPort}`,
    '--cluster-config-file',
    `${port}.conf`,
  ];
  const place = [
    '--bind',
    '127.0.0.1',
    '--port',
    `${port}`,
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const server = spawn(program.file, [...place, ...cluster], { argv0: program.argv0, stdio: 'ignore' });
  return { port, busPort, server };
}

/** Each node gets its share of the slots; then they are introduced, and the cluster is there. */
async function joinNodes(): Promise<void> {
  const clients = nodes.map(({ port }) => new Redis({ port, host: '127.0.0.1' }));
  for (const client of clients) client.on('error', () => undefined);
  const share = slots / nodeCount;
  for (const [index, client] of clients.entries()) {
    await client.call('CLUSTER', 'ADDSLOTSRANGE', index * share, (index + 1) * share - 1);
    const [first] = nodes as unknown as { port: number; busPort: number }[];
    if (first) await client.call('CLUSTER', 'MEET', '127.0.0.1', first.port, first.busPort);
  }
  const isWhole = async (client: Redis) =>
    `${await client.call('CLUSTER', 'INFO')}`.includes('cluster_state:ok');
  await until(async () => (await Promise.all(clients.map(isWhole))).every(Boolean));
  for (const client of clients) client.disconnect();
}

test('several nodes in the URL are a cluster that rings and works', async () => {
  const output = captureLog();
  const backend = { kind: 'redis', url } as const;
  const queue = createQueue({ backend, log: output.log });
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
  for (let round = 1; round <= 5; round += 1) await queue.ring('run-provisioning', newPayload(), round);
  await until(() => handled.length === 5);
  await expect(queue.counts()).resolves.toMatchObject({ waiting: 0, failed: 0 });
  await worker.close(5_000);
  await queue.close();
  expect(output.complaints()).toEqual([]);
});

test('the look at the Redis of the queue looks at every node', async () => {
  await expect(inspectQueueRedis({ url })).resolves.toEqual([]);
  const [, second] = nodes;
  const client = new Redis({ port: second?.port ?? 0, host: '127.0.0.1' });
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  client.disconnect();
  await expect(inspectQueueRedis({ url })).resolves.toMatchObject([
    { kind: 'evicts', message: expect.stringContaining(`${second?.port}`) },
  ]);
});
