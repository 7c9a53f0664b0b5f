import { afterAll, beforeAll } from 'vitest';
import { createMessages, type Messages } from '../../src/registry/messages.ts';
import type { RegistryDatabase } from '../../src/registry/registry-database.ts';
import { createTasks } from '../../src/tasks/request-task.ts';
import { createTaskRunner } from '../../src/tasks/run-task.ts';
import type { TaskHandlers } from '../../src/tasks/task-kinds.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

export const asker = { actor: { kind: 'operator', id: 'root' }, requestId: 'test' } as const;

/** Tasks in a registry of the file's own; who works on them is up to the test. */
export function useTaskBench() {
  let registry: TestRegistry;
  let messages: Messages;
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    service: 'test',
    destination: { write: (line) => lines.push(line) },
  });

  beforeAll(async () => {
    registry = await createTestRegistry();
    messages = createMessages({
      login: registry.login,
      applicationName: 'test',
      onError: (error) => {
        throw error;
      },
    });
    await messages.start();
  });
  afterAll(async () => {
    await messages.stop();
    await registry.drop();
  });

  return {
    lines,
    database: (): RegistryDatabase => registry.database,
    tasks: () => createTasks({ registry: registry.database, messages, afterCommit: () => undefined }),
    runner: (handlers: Partial<TaskHandlers>) =>
      createTaskRunner({ registry: registry.database, handlers, log }),
    plan: (depth: 'catalog' | 'deep' = 'catalog') =>
      createTasks({ registry: registry.database, messages, afterCommit: () => undefined }).requestTask({
        kind: 'reconcile.plan',
        parameters: { depth },
        ...asker,
      }),
  };
}
