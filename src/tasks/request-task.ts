import { v7 as uuidv7 } from 'uuid';
import { errors } from '../errors/catalogue.ts';
import type { Messages } from '../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { type Actor, recordAudit } from '../registry/repositories/audit-log.ts';
import { insertOutbox } from '../registry/repositories/outbox.ts';
import { cancelTask, findTask, insertTask, reopenTask, type Task } from '../registry/repositories/tasks.ts';
import { type Watching, waitForRow } from '../registry/watch-row.ts';
import type { TaskKind, TaskParameters } from './task-kinds.ts';

/** Who asks for something, and in which request. */
export type TaskAsker = { actor: Actor; requestId: string };

export type TaskRequest<Kind extends TaskKind> = TaskAsker & {
  kind: Kind;
  parameters: TaskParameters<Kind>;
};

export type TasksNeeds = {
  registry: RegistryDatabase;
  messages: Pick<Messages, 'on'>;
  /** Called after a commit that left something to do. */
  afterCommit: () => void;
};

/**
 * What any process may ask the workers to do, since only they have the servers' logins. The row is the task, the
 * queue only rings for it: from the commit on it cannot be lost.
 */
export function createTasks({ registry, messages, afterCommit }: TasksNeeds) {
  const watching = (id: string): Watching<Task> => ({
    read: () => findTask(registry, id),
    hasEnded: hasTaskEnded,
    listen: (ring) =>
      messages.on('task.changed', ({ taskId }) => {
        if (taskId === id) ring();
      }),
  });

  async function changeAndTell(work: (trx: RegistryTransaction) => Promise<void>): Promise<void> {
    await registry.transaction().execute(work);
    afterCommit();
  }

  return {
    /** @returns its id. */
    async requestTask<Kind extends TaskKind>(request: TaskRequest<Kind>): Promise<string> {
      const { kind, parameters, actor, requestId } = request;
      const id = uuidv7();
      const requestedBy = actor.id === null ? actor.kind : `${actor.kind} ${actor.id}`;
      await changeAndTell(async (trx) => {
        await insertTask(trx, { id, kind, parameters, requestedBy, requestId });
        await ringFor(trx, id);
        await audit(trx, { actor, requestId }, { action: 'task.requested', after: { id, kind, parameters } });
      });
      return id;
    },

    /** The task when it has ended, or when `waitMs` are over; undefined for one that is not there. */
    waitForTask: (id: string, waitMs: number, signal?: AbortSignal): Promise<Task | undefined> =>
      waitForRow(watching(id), { waitMs, signal }),

    /** Whoever works on it is told to stop. @throws not_found, job_state_conflict */
    async cancelTask(id: string, asker: TaskAsker): Promise<void> {
      await changeAndTell(async (trx) => {
        if (!(await cancelTask(trx, id))) throw await refusal(trx, id, 'cancelled');
        await audit(trx, asker, { action: 'task.cancelled', after: { id } });
      });
    },

    /** Begins it anew. @throws not_found, job_state_conflict */
    async retryTask(id: string, asker: TaskAsker): Promise<void> {
      await changeAndTell(async (trx) => {
        if (!(await reopenTask(trx, id))) throw await refusal(trx, id, 'retried');
        await ringFor(trx, id);
        await audit(trx, asker, { action: 'task.retried', after: { id } });
      });
    },
  };
}

export type TaskRequests = ReturnType<typeof createTasks>;

const hasTaskEnded = ({ status }: Pick<Task, 'status'>): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled';

async function ringFor(trx: RegistryTransaction, id: string): Promise<void> {
  await insertOutbox(trx, { topic: 'queue.run-task', payload: { task_id: id } });
}

type Change = { action: string; after: Record<string, unknown> };

async function audit(trx: RegistryTransaction, asker: TaskAsker, change: Change): Promise<void> {
  await recordAudit(trx, { ...asker, ...change });
}

async function refusal(trx: RegistryTransaction, id: string, done: string) {
  const task = await findTask(trx, id);
  return task === undefined ? errors.notFound('job') : errors.jobStateConflict(task.status, done);
}
