import { staleAfterMs as staleRunMs } from '../provisioning/run-provisioning.ts';
import { createQueue, type Queue } from '../queue/create-queue.ts';
import { createHands, type Hands } from '../queue/hands.ts';
import { jobs } from '../queue/jobs.ts';
import { createOutboxRelay } from '../queue/outbox-relay.ts';
import type { OutboxRow } from '../queue/outbox-sender.ts';
import { createSweep, startSweeper } from '../queue/sweeper.ts';
import { startBeating } from '../registry/repositories/heartbeats.ts';
import { pruneOutbox, withDueOutbox } from '../registry/repositories/outbox.ts';
import { nextRing, type Ring, takeForgottenRuns } from '../registry/repositories/provisioning-runs.ts';
import { nextTaskRing, type TaskRing, takeForgottenTasks } from '../registry/repositories/tasks.ts';
import { staleAfterMs as staleTaskMs } from '../tasks/run-task.ts';
import { type Platform, type ProcessParts, queueBackend } from './assemble-platform.ts';

const relayIntervalMs = 1_000;
const sweepIntervalMs = 1_000;
/** Beside provisioning, which they must not hold up. */
export const tasksAtOnce = 2;
const keepDeliveredMs = 7 * 86_400_000;
const pruneLimit = 1_000;

/** How runs and tasks reach somebody who works on them. */
export type Dispatch = {
  ring: (ring: Ring) => Promise<void>;
  ringTask: (ring: TaskRing) => Promise<void>;
  /** Undefined where runs are worked on in this process. */
  queue: Queue | undefined;
};

/** Tells the queue; a worker somewhere takes the job. */
export function dispatchToQueue({ config, log, shutdown }: ProcessParts, platform: Platform): Dispatch {
  const queue = createQueue({ backend: queueBackend(config, platform.login), log });
  shutdown.onStop('queue', 3_000, () => queue.close());
  return {
    ring: ({ tenantId, generation, ring }) =>
      queue.ring('run-provisioning', { tenant_id: tenantId, generation }, ring),
    ringTask: ({ taskId, ring }) => queue.ring('run-task', { task_id: taskId }, ring),
    queue,
  };
}

export type Work = {
  runProvisioning: (tenantId: string, generation: number, signal: AbortSignal) => Promise<void>;
  runTask: (taskId: string, signal: AbortSignal) => Promise<void>;
};

/** Who works on them in this process, a few at once, whoever brings them: queue, relay or sweeper. */
export type Crew = {
  runs: Hands<Pick<Ring, 'tenantId' | 'generation'>>;
  tasks: Hands<Pick<TaskRing, 'taskId'>>;
};

export function employ({ config, log, shutdown }: ProcessParts, work: Work): Crew {
  const runs: Crew['runs'] = createHands({
    work: ({ tenantId, generation }, signal) => work.runProvisioning(tenantId, generation, signal),
    atOnce: config.QUEUE_CONCURRENCY,
    log,
  });
  const tasks: Crew['tasks'] = createHands({
    work: ({ taskId }, signal) => work.runTask(taskId, signal),
    atOnce: tasksAtOnce,
    log,
  });
  shutdown.onStop('work', 10_000, async () => {
    await Promise.all([runs.stop(), tasks.stop()]);
  });
  return { runs, tasks };
}

/** Works on runs and tasks in this process: ENABLE_ASYNC_PROVISIONING=false. */
export function dispatchHere({ runs, tasks }: Crew): Dispatch {
  return {
    queue: undefined,
    ring: async (ring) => runs.take(ring),
    ringTask: async (ring) => tasks.take(ring),
  };
}

/** Carries what transactions left in the outbox to the dispatch. */
export function startRelay({ log, shutdown }: ProcessParts, platform: Platform, dispatch: Dispatch) {
  const { registry, messages } = platform;
  const send = {
    'queue.run-provisioning': (row: OutboxRow) => ringForRun(platform, dispatch, row),
    'queue.run-task': (row: OutboxRow) => ringForTask(platform, dispatch, row),
  };
  const relay = createOutboxRelay({
    withDue: (selection, work) => withDueOutbox(registry, selection, work),
    prune: () => pruneOutbox(registry, { olderThanMs: keepDeliveredMs, limit: pruneLimit }),
    send,
    wake: (kick) =>
      messages.on('outbox.added', ({ topic }) => {
        if (topic in send) kick();
      }),
    intervalMs: relayIntervalMs,
    log,
  });
  shutdown.onStop('outbox relay', 3_000, () => relay.stop());
  return relay;
}

/** Sees to runs and tasks that everybody has forgotten. */
export function sweep(
  { log, shutdown }: ProcessParts,
  { platform, crew, dispatch }: { platform: Platform; crew: Crew; dispatch: Dispatch },
): void {
  const { registry, applicationName: holder } = platform;
  const sweeper = startSweeper({
    sweeps: [
      createSweep({
        takeForgotten: (look) => takeForgottenRuns(registry, { ...look, staleAfterMs: staleRunMs }),
        hands: crew.runs,
        ring: dispatch.ring,
      }),
      createSweep({
        takeForgotten: (look) => takeForgottenTasks(registry, { ...look, staleAfterMs: staleTaskMs }),
        hands: crew.tasks,
        ring: dispatch.ringTask,
      }),
    ],
    beat: () => startBeating(registry, { name: 'sweeper', holder }),
    intervalMs: sweepIntervalMs,
    log,
  });
  shutdown.onStop('sweeper', 3_000, () => sweeper.stop());
}

async function ringForRun({ registry }: Platform, dispatch: Dispatch, row: OutboxRow): Promise<void> {
  const payload = jobs['run-provisioning'].payload.parse(row.payload);
  const ring = await nextRing(registry, payload.tenant_id, payload.generation);
  if (ring !== undefined) await dispatch.ring(ring);
}

async function ringForTask({ registry }: Platform, dispatch: Dispatch, row: OutboxRow): Promise<void> {
  const payload = jobs['run-task'].payload.parse(row.payload);
  const ring = await nextTaskRing(registry, payload.task_id);
  if (ring !== undefined) await dispatch.ringTask(ring);
}
