import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { JobPayloads } from '../../src/queue/jobs.ts';
import { migrateQueue } from '../../src/queue/migrate-queue.ts';
import type { QueueBackend } from '../../src/queue/queue-backend.ts';
import { startTestRedis } from '../support/redis-server.ts';
import { createTestRegistry } from '../support/test-registry.ts';

export type StoredJob = { id: string; data: unknown; everything: string };

export type TestBackend = {
  backend: QueueBackend;
  /** As they lie in the backend, past BullMQ. */
  readJobs(): Promise<StoredJob[]>;
  stop(): Promise<void>;
};

export const backendKinds = ['redis', 'postgres'] as const;

export function startBackend(kind: (typeof backendKinds)[number]): Promise<TestBackend> {
  return kind === 'redis' ? startRedisBackend() : startPostgresBackend();
}

export function newPayload(): JobPayloads['run-provisioning'] {
  return { tenant_id: randomUUID(), generation: 3 };
}

async function startRedisBackend(): Promise<TestBackend> {
  const server = await startTestRedis();
  const client = new Redis(server.url);
  client.on('error', () => undefined);
  return {
    backend: { kind: 'redis', url: server.url },
    async readJobs() {
      const keys = await client.keys('{tm}:run-provisioning:*-*');
      const hashes = keys.filter((key) => key.split(':').length === 3 && !key.endsWith(':stalled-check'));
      return Promise.all(
        hashes.map(async (key) => {
          const stored = await client.hgetall(key);
          const id = key.split(':').at(-1) ?? '';
          return { id, data: JSON.parse(stored.data ?? ''), everything: JSON.stringify(stored) };
        }),
      );
    },
    async stop() {
      client.disconnect();
      await server.stop();
    },
  };
}

async function startPostgresBackend(): Promise<TestBackend> {
  const { login, drop } = await createTestRegistry();
  await migrateQueue(login);
  return {
    backend: { kind: 'postgres', login },
    async readJobs() {
      const client = new pg.Client(login);
      await client.connect();
      const { rows } = await client.query(
        'SELECT id, data, to_jsonb(job)::text AS everything FROM bullmq.job job',
      );
      await client.end();
      return rows;
    },
    stop: drop,
  };
}
