import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { sqlState } from '../databases/sql-state.ts';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { beatRegularly } from '../registry/beat-regularly.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import {
  beatTask,
  claimTask,
  finishTask,
  giveBackTask,
  type OwnedTask,
  type Task,
  type TaskEnd,
} from '../registry/repositories/tasks.ts';
import type { JsonValue } from '../registry/tables.generated.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type RequestContext, runInContext } from '../telemetry/request-context.ts';
import { type TaskHandler, type TaskHandlers, type TaskKind, taskKinds } from './task-kinds.ts';

/** A worker that was silent for so long is taken for dead; a living one beats five times as often. */
export const staleAfterMs = 5_000;
const beatEveryMs = 1_000;
/** A task that ends its worker each time is not tried for ever. */
const mostAttempts = 3;
const mostTriesToKeep = 10;
const keepAgainMs = 500;
const superseded = 'The task was cancelled, or another worker has taken it over';

export type TaskRunnerNeeds = {
  registry: RegistryDatabase;
  /** A task of another kind is left to a process that knows it: versions overlap during an update. */
  handlers: Partial<TaskHandlers>;
  log: Logger;
};

/** Returns the function that works on one task until it has ended. */
export function createTaskRunner(needs: TaskRunnerNeeds) {
  const kinds = Object.keys(needs.handlers);

  /** May be called at any time, any number of times, anywhere: only one caller gets the task. */
  return async function runTask(id: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted || kinds.length === 0) return;
    const owner = randomUUID();
    const claimed = await claimTask(needs.registry, { id, owner, kinds, staleAfterMs });
    if (claimed === undefined) return;
    await runInContext(contextOf(claimed), () => work(needs, { ...claimed, owner }, signal));
  };
}

/** Log lines name who asked for it, and the tenant that it is about, if it is about one. */
function contextOf({ id, requestId, parameters }: Task): RequestContext {
  const { success, data } = aboutTenant.safeParse(parameters);
  return { requestId: requestId ?? id, ...(success && { tenantId: data.tenant_id }) };
}

const aboutTenant = z.object({ tenant_id: z.string() });

type OwnedRow = Task & OwnedTask;

async function work(needs: TaskRunnerNeeds, task: OwnedRow, stop: AbortSignal): Promise<void> {
  const { registry, log } = needs;
  const heart = startHeart(needs, task, stop);
  const facts = { task_id: task.id, kind: task.kind };
  try {
    const outcome = await attempt(needs, task, heart.signal);
    // What is done is done, also when the process ends meanwhile.
    if (outcome.end.status === 'failed' && stop.aborted) return await giveBackTask(registry, task);
    if (!(await keep(needs, task, outcome.end))) log.info(facts, superseded);
    else if (outcome.end.status === 'completed') log.info(facts, 'Task completed');
    else log.error({ err: outcome.error, ...facts }, 'Task failed');
  } finally {
    heart.stop();
  }
}

type Outcome = { end: TaskEnd; error?: unknown };

async function attempt(needs: TaskRunnerNeeds, task: OwnedRow, signal: AbortSignal): Promise<Outcome> {
  try {
    if (task.attempts > mostAttempts) throw errors.taskAbandoned(mostAttempts);
    return { end: { status: 'completed', result: await handle(needs, task, signal) } };
  } catch (error) {
    return { end: failure(error), error };
  }
}

function failure(error: unknown): TaskEnd {
  const { code: errorCode, detail: errorDetail } = describe(error);
  return { status: 'failed', errorCode, errorDetail };
}

/**
 * The registry may be away for a moment when the work is done. When it stays away, the task is another
 * worker's, which does it again. @returns false when it is another's already.
 */
async function keep({ registry, log }: TaskRunnerNeeds, task: OwnedRow, end: TaskEnd): Promise<boolean> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await finishTask(registry, task, end);
    } catch (error) {
      if (isUnfit(error)) return await finishTask(registry, task, failure(error));
      if (tries === mostTriesToKeep) throw error;
      log.warn({ err: error, task_id: task.id }, 'The end of a task was not written; it is tried again');
      await delay(keepAgainMs);
    }
  }
}

function handle(needs: TaskRunnerNeeds, { kind, parameters }: Task, signal: AbortSignal): Promise<JsonValue> {
  const known = kind as TaskKind;
  // Parameters and handler are of the same kind, which the types of a union cannot say.
  const handler = needs.handlers[known] as TaskHandler<TaskKind>;
  return handler(taskKinds[known].parse(parameters), signal);
}

/** A result that is no JSON to PostgreSQL stays so. */
const isUnfit = (error: unknown): boolean => sqlState(error)?.startsWith('22') === true;

/** What is not ours is a defect or comes from a driver; operators see it, as the log does. */
function describe(error: unknown): { code: string; detail: string } {
  if (error instanceof AppError) return { code: error.code, detail: error.message };
  return { code: 'internal_error', detail: error instanceof Error ? error.message : String(error) };
}

/** Tells the registry that this worker is alive; aborts the work when the task is cancelled or another's. */
function startHeart(needs: TaskRunnerNeeds, task: OwnedRow, stop: AbortSignal) {
  const fenced = new AbortController();
  const stopBeating = beatRegularly({
    everyMs: beatEveryMs,
    async beat() {
      if (!(await beatTask(needs.registry, task))) fenced.abort(errors.fenced());
    },
    onError: (error) => needs.log.warn({ err: error, task_id: task.id }, 'Heartbeat of a task not written'),
  });
  return { signal: AbortSignal.any([stop, fenced.signal]), stop: stopBeating };
}
