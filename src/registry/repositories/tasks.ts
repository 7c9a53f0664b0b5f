import { type RawBuilder, type Selectable, sql, type Updateable } from 'kysely';
import { publish } from '../messages.ts';
import type { RegistryExecutor } from '../registry-database.ts';
import type { JsonObject, JsonValue, Tasks } from '../tables.generated.ts';

export type Task = Selectable<Tasks>;

const open = ['pending', 'processing'] as const;

export type NewTask = {
  id: string;
  kind: string;
  parameters: JsonObject;
  requestedBy: string;
  requestId: string | null;
};

export async function insertTask(executor: RegistryExecutor, task: NewTask): Promise<void> {
  await executor
    .insertInto('tasks')
    .values({ ...task, parameters: JSON.stringify(task.parameters) })
    .execute();
}

export async function findTask(executor: RegistryExecutor, id: string): Promise<Task | undefined> {
  return executor.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst();
}

export type TaskClaim = { id: string; owner: string; kinds: readonly string[]; staleAfterMs: number };

/**
 * Makes `owner` the one who works on the task, if it is due and nobody is alive on it.
 * @returns undefined when it is done, not due, another's, or of a kind that this process does not know.
 */
export async function claimTask(executor: RegistryExecutor, claim: TaskClaim): Promise<Task | undefined> {
  const claimed = await executor
    .updateTable('tasks')
    .set(({ eb, fn }) => ({
      owner: claim.owner,
      status: 'processing' as const,
      heartbeatAt: sql<Date>`now()`,
      startedAt: fn.coalesce('startedAt', sql<Date>`now()`),
      attempts: eb('attempts', '+', 1),
    }))
    .where('id', '=', claim.id)
    .where('kind', 'in', claim.kinds)
    .where('status', 'in', open)
    .where('notBefore', '<=', sql<Date>`now()`)
    .where(({ or, eb }) => or([eb('owner', 'is', null), eb('heartbeatAt', '<', ago(claim.staleAfterMs))]))
    .returningAll()
    .executeTakeFirst();
  if (claimed !== undefined) await tell(executor, claim.id);
  return claimed;
}

/** The work on a task that `owner` still has; everything here changes nothing when it is another's. */
export type OwnedTask = { id: string; owner: string };

/** @returns false when the task is another's by now, or was cancelled. */
export async function beatTask(executor: RegistryExecutor, task: OwnedTask): Promise<boolean> {
  return change(executor, task, { heartbeatAt: sql<Date>`now()` });
}

export type TaskEnd =
  | { status: 'completed'; result: JsonValue }
  | { status: 'failed'; errorCode: string; errorDetail: string };

/** @returns false when the task is another's by now. */
export async function finishTask(
  executor: RegistryExecutor,
  task: OwnedTask,
  end: TaskEnd,
): Promise<boolean> {
  const outcome =
    end.status === 'completed'
      ? { status: end.status, result: JSON.stringify(end.result), errorCode: null, errorDetail: null }
      : end;
  const isOurs = await change(executor, task, { ...outcome, owner: null, finishedAt: sql<Date>`now()` });
  if (isOurs) await tell(executor, task.id);
  return isOurs;
}

/** Lets go of a task whose worker stops; another one may have it at once, and it does not count as an attempt. */
export async function giveBackTask(executor: RegistryExecutor, task: OwnedTask): Promise<void> {
  await executor
    .updateTable('tasks')
    .set(({ eb }) => ({ status: 'pending' as const, owner: null, attempts: eb('attempts', '-', 1) }))
    .where('id', '=', task.id)
    .where('owner', '=', task.owner)
    .execute();
}

/** Ends a task that is not over. Whoever works on it notices at the next heartbeat. */
export async function cancelTask(executor: RegistryExecutor, id: string): Promise<boolean> {
  return changeIf(executor, { id, from: open }, { ...over, status: 'cancelled', errorCode: 'cancelled' });
}

/** Begins a task anew that failed or was cancelled. */
export async function reopenTask(executor: RegistryExecutor, id: string): Promise<boolean> {
  const anew = { errorCode: null, errorDetail: null, result: null, startedAt: null, finishedAt: null };
  return changeIf(
    executor,
    { id, from: ['failed', 'cancelled'] },
    { ...anew, status: 'pending', attempts: 0, heartbeatAt: null, notBefore: sql<Date>`now()` },
  );
}

export type TaskRing = { taskId: string; ring: number };

/** Takes the next ring number of one task. @returns undefined when there is nothing left to ring for. */
export async function nextTaskRing(executor: RegistryExecutor, id: string): Promise<TaskRing | undefined> {
  return executor
    .updateTable('tasks')
    .set(({ eb }) => ({ rings: eb('rings', '+', 1), rungAt: sql<Date>`now()` }))
    .where('id', '=', id)
    .where('status', 'in', open)
    .returning(['id as taskId', 'rings as ring'])
    .executeTakeFirst();
}

/**
 * The sweeper's look: open tasks on which nobody is alive and for which nobody rang lately. Marked as rung in
 * the same statement, so that two sweepers do not both have them.
 */
export async function takeForgottenTasks(
  executor: RegistryExecutor,
  { staleAfterMs, limit, isPatient }: { staleAfterMs: number; limit: number; isPatient: boolean },
): Promise<TaskRing[]> {
  const times = isPatient
    ? sql<number>`CASE WHEN heartbeat_at IS NULL THEN least(greatest(rings, 1), 12) ELSE 1 END`
    : sql<number>`1`;
  const patience = sql<Date>`now() - ${staleAfterMs} * interval '1 millisecond' * ${times}`;
  return executor
    .updateTable('tasks')
    .set(({ eb }) => ({ rings: eb('rings', '+', 1), rungAt: sql<Date>`now()` }))
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('tasks')
        .select('id')
        .where('status', 'in', open)
        .where('notBefore', '<=', sql<Date>`now()`)
        .where(({ or, eb }) => or([eb('owner', 'is', null), eb('heartbeatAt', '<', ago(staleAfterMs))]))
        .where(({ eb, fn }) => eb(fn.coalesce('rungAt', 'createdAt'), '<', patience))
        .orderBy('notBefore')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning(['id as taskId', 'rings as ring'])
    .execute();
}

/** Deletes at most `limit` tasks that ended long ago. */
export async function pruneTasks(
  executor: RegistryExecutor,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<void> {
  await executor
    .deleteFrom('tasks')
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('tasks')
        .select('id')
        .where('createdAt', '<', ago(olderThanMs))
        .where('status', 'not in', open)
        .orderBy('createdAt')
        .limit(limit),
    )
    .execute();
}

const ago = (ms: number) => sql<Date>`now() - ${ms} * interval '1 millisecond'`;
const over = { owner: null, finishedAt: sql<Date>`now()` };

type TaskChange = {
  [Column in keyof Updateable<Tasks>]: Updateable<Tasks>[Column] | RawBuilder<Date>;
};

async function change(executor: RegistryExecutor, task: OwnedTask, values: TaskChange): Promise<boolean> {
  const { numUpdatedRows } = await executor
    .updateTable('tasks')
    .set(values as Updateable<Tasks>)
    .where('id', '=', task.id)
    .where('owner', '=', task.owner)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

type Expected = { id: string; from: readonly Task['status'][] };

async function changeIf(
  executor: RegistryExecutor,
  { id, from }: Expected,
  values: TaskChange,
): Promise<boolean> {
  const { numUpdatedRows } = await executor
    .updateTable('tasks')
    .set(values as Updateable<Tasks>)
    .where('id', '=', id)
    .where('status', 'in', from)
    .executeTakeFirst();
  if (numUpdatedRows > 0n) await tell(executor, id);
  return numUpdatedRows > 0n;
}

async function tell(executor: RegistryExecutor, taskId: string): Promise<void> {
  await publish(executor, { kind: 'task.changed', taskId });
}
