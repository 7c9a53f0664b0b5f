import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTasks } from '../../src/tasks/request-task.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { startTestRedis } from '../support/redis-server.ts';
import { asker } from './task-bench.ts';

failOnLeaks();

describe.each(['redis', 'postgres', 'in this process'] as const)('a task that is rung for by %s', (way) => {
  let bench: Bench;
  let redis: Awaited<ReturnType<typeof startTestRedis>> | undefined;

  beforeAll(async () => {
    redis = way === 'redis' ? await startTestRedis() : undefined;
    bench = await createProvisioningBench({
      environment: {
        ENABLE_ASYNC_PROVISIONING: String(way !== 'in this process'),
        ...(redis && { REDIS_URL: redis.url }),
      },
    });
    await bench.assembly.firstLook;
  });
  afterAll(async () => {
    await bench.stop();
    await redis?.stop();
  });

  test('is done by the workbench, and answered with what it found', async () => {
    const { registry, messages } = bench.platform;
    const tasks = createTasks({ registry, messages, afterCommit: bench.assembly.kick });
    const template = await registry
      .selectFrom('templates')
      .select('id')
      .where('key', '=', 'default')
      .executeTakeFirstOrThrow();
    const id = await tasks.requestTask({
      kind: 'templates.refresh',
      parameters: { template_id: template.id },
      ...asker,
    });
    const task = await tasks.waitForTask(id, 30_000);
    expect(task).toMatchObject({ status: 'completed', attempts: 1, result: { template: 'default' } });
  });
});
