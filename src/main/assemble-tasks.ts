import { createTaskJob } from '../jobs/run-task.ts';
import { createQueueWorker } from '../queue/create-worker.ts';
import { createTaskRunner } from '../tasks/run-task.ts';
import type { TaskHandlers } from '../tasks/task-kinds.ts';
import { tasksAtOnce, type Work } from './assemble-dispatch.ts';
import { type Platform, type ProcessParts, queueBackend } from './assemble-platform.ts';

/** What workers do when an operator asks for it. */
function assembleTaskHandlers(): Partial<TaskHandlers> {
  return {};
}

export function assembleTaskRunner({ log }: ProcessParts, { registry }: Platform): Work['runTask'] {
  return createTaskRunner({ registry, handlers: assembleTaskHandlers(), log });
}

/** Takes tasks from the queue until shutdown. */
export function startTaskWorker(
  { config, log, shutdown }: ProcessParts,
  { platform, runTask }: { platform: Platform; runTask: Work['runTask'] },
): void {
  const worker = createQueueWorker({
    name: 'run-task',
    backend: queueBackend(config, platform.login),
    concurrency: tasksAtOnce,
    handle: createTaskJob({ runTask }),
    log,
  });
  shutdown.onStop('task worker', 15_000, () => worker.close(5_000));
}
