import pLimit from 'p-limit';
import { createForgottenRunsLook } from '../provisioning/forgotten-runs.ts';
import { createQueue, type Queue } from '../queue/create-queue.ts';
import { jobs } from '../queue/jobs.ts';
import { createOutboxRelay } from '../queue/outbox-relay.ts';
import type { OutboxRow } from '../queue/outbox-sender.ts';
import { startSweeper } from '../queue/sweeper.ts';
import { pruneOutbox, withDueOutbox } from '../registry/repositories/outbox.ts';
import { nextRing, type Ring } from '../registry/repositories/provisioning-runs.ts';
import { nextTaskRing, type TaskRing } from '../registry/repositories/tasks.ts';
import { createForgottenTasksLook } from '../tasks/forgotten-tasks.ts';
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

/** Works on runs and tasks in this process, a few at once: ENABLE_ASYNC_PROVISIONING=false. */
export function dispatchHere({ config, log, shutdown }: ProcessParts, work: Work): Dispatch {
  const stopping = new AbortController();
  const underway = new Set<Promise<void>>();
  shutdown.onStop('provisioning', 10_000, async () => {
    stopping.abort();
    await Promise.all(underway);
  });

  function begin(limit: ReturnType<typeof pLimit>, work: (signal: AbortSignal) => Promise<void>): void {
    const job = limit(() => work(stopping.signal)).catch((error: unknown) =>
      log.error({ err: error }, 'A job ended badly; it is tried again'),
    );
    underway.add(job);
    void job.finally(() => underway.delete(job));
  }

  const [runs, tasks] = [pLimit(config.QUEUE_CONCURRENCY), pLimit(tasksAtOnce)];
  return {
    queue: undefined,
    async ring({ tenantId, generation }) {
      begin(runs, (signal) => work.runProvisioning(tenantId, generation, signal));
    },
    async ringTask({ taskId }) {
      begin(tasks, (signal) => work.runTask(taskId, signal));
    },
  };
}

/** Carries what transactions left in the outbox to the dispatch. */
export function startRelay({ log, shutdown }: ProcessParts, platform: Platform, dispatch: Dispatch) {
  const { registry, messages } = platform;
  const relay = createOutboxRelay({
    withDue: (selection, work) => withDueOutbox(registry, selection, work),
    prune: () => pruneOutbox(registry, { olderThanMs: keepDeliveredMs, limit: pruneLimit }),
    send: {
      'queue.run-provisioning': (row) => ringForRun(platform, dispatch, row),
      'queue.run-task': (row) => ringForTask(platform, dispatch, row),
    },
    wake: (kick) => messages.on('outbox.added', kick),
    intervalMs: relayIntervalMs,
    log,
  });
  shutdown.onStop('outbox relay', 3_000, () => relay.stop());
  return relay;
}

/** Rings for runs and tasks that everybody has forgotten. */
export function sweep({ log, shutdown }: ProcessParts, platform: Platform, dispatch: Dispatch): void {
  const sweeper = startSweeper({
    looks: [
      createForgottenRunsLook({ registry: platform.registry, ring: dispatch.ring }),
      createForgottenTasksLook({ registry: platform.registry, ring: dispatch.ringTask }),
    ],
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
