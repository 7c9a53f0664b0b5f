import { createTaskJob } from '../jobs/run-task.ts';
import { createQueueWorker } from '../queue/create-worker.ts';
import type { Doctor } from '../reconcile/doctor/doctor.ts';
import type { Reconcile } from '../reconcile/reconcile.ts';
import { createTaskRunner } from '../tasks/run-task.ts';
import type { TaskHandlers } from '../tasks/task-kinds.ts';
import { currentContext } from '../telemetry/request-context.ts';
import { type Crew, tasksAtOnce, type Work } from './assemble-dispatch.ts';
import { type Platform, type ProcessParts, queueBackend } from './assemble-platform.ts';
import { assembleServerTasks } from './assemble-servers.ts';
import type { Workbench } from './assemble-worker.ts';

type HandlerParts = { workbench: Workbench; reconcile: Reconcile; doctor: Doctor };

/** What workers do when an operator asks for it. */
function assembleTaskHandlers({ workbench, reconcile, doctor }: HandlerParts): Partial<TaskHandlers> {
  const { templateRefresh, rotateCredentials } = workbench;
  return {
    'templates.refresh': ({ template_id: id }, signal) => templateRefresh.refreshById(id, signal),
    'reconcile.plan': ({ depth }, signal) => reconcile.plan({ depth, signal }),
    'reconcile.apply': ({ depth }, signal) => reconcile.apply({ depth, signal }),
    'doctor.check': (_, signal) => doctor.check(signal),
    'doctor.fix': (_, signal) => doctor.fix(signal),
    'reconcile.drop': (choice) => reconcile.dropQuarantined(choice),
    'tenant.rotate-credentials': ({ tenant_id: id, actor, reason }) =>
      rotateCredentials(id, {
        actor,
        requestId: currentContext()?.requestId ?? id,
        ...(reason !== undefined && { reason }),
      }),
    'reconcile.release': (choice) => reconcile.releaseQuarantined(choice),
  };
}

export function assembleTaskRunner(
  { config, log }: ProcessParts,
  { platform, ...parts }: HandlerParts & { platform: Platform },
): Work['runTask'] {
  const { registry } = platform;
  const { workbench } = parts;
  const handlers = {
    ...assembleTaskHandlers(parts),
    ...assembleServerTasks(config, { platform, workbench }),
  };
  return createTaskRunner({ registry, handlers, log });
}

/** Takes tasks from the queue until shutdown. */
export function startTaskWorker(
  { config, log, shutdown }: ProcessParts,
  { platform, crew }: { platform: Platform; crew: Crew },
): void {
  const worker = createQueueWorker({
    name: 'run-task',
    backend: queueBackend(config, platform.login),
    concurrency: tasksAtOnce,
    handle: createTaskJob({ runTask: (taskId, signal) => crew.tasks.workOn({ taskId }, signal) }),
    log,
  });
  shutdown.onStop('task worker', 15_000, () => worker.close(5_000));
}
