import { type Insertable, type RawBuilder, type Selectable, sql, type Updateable } from 'kysely';
import { notification, publish } from '../messages.ts';
import { runPrepared } from '../prepared-statements.ts';
import type { RegistryExecutor } from '../registry-database.ts';
import type { ProvisioningRuns, ProvisioningSteps, StepStatus } from '../tables.generated.ts';
import { isCancelled } from './run-cancellations.ts';

export type ProvisioningRun = Selectable<ProvisioningRuns>;
export type ProvisioningStep = Selectable<ProvisioningSteps>;

const open = ['pending', 'processing'] as const;

export async function insertRun(
  executor: RegistryExecutor,
  run: Insertable<ProvisioningRuns>,
): Promise<void> {
  await executor.insertInto('provisioningRuns').values(run).execute();
}

/** Ends what is under way for a tenant, because something else is to be done with it. */
export async function cancelOpenRuns(executor: RegistryExecutor, tenantId: string): Promise<void> {
  const cancelled = await executor
    .updateTable('provisioningRuns')
    .set({ status: 'cancelled', owner: null, errorCode: 'cancelled', finishedAt: sql<Date>`now()` })
    .where('tenantId', '=', tenantId)
    .where('status', 'in', open)
    .returning('id')
    .execute();
  for (const { id: runId } of cancelled) {
    await publish(executor, { kind: 'run.changed', runId, tenantId, hasEnded: true });
  }
}

export async function findRun(executor: RegistryExecutor, id: string): Promise<ProvisioningRun | undefined> {
  return executor.selectFrom('provisioningRuns').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function latestRun(
  executor: RegistryExecutor,
  tenantId: string,
): Promise<ProvisioningRun | undefined> {
  return executor
    .selectFrom('provisioningRuns')
    .selectAll()
    .where('tenantId', '=', tenantId)
    .orderBy('generation', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export async function listSteps(executor: RegistryExecutor, runId: string): Promise<ProvisioningStep[]> {
  return executor
    .selectFrom('provisioningSteps')
    .selectAll()
    .where('runId', '=', runId)
    .orderBy('position')
    .execute();
}

export type Claim = { tenantId: string; generation: number; owner: string; staleAfterMs: number };

/** `failingMs`: for how long every attempt has failed, by the registry's clock. */
export type ClaimedRun = ProvisioningRun & { failingMs: number };

/** An attempt is made again within seconds: for as long as this, there was no worker. */
const deserted = sql`interval '1 hour'`;

/**
 * Makes `owner` the one who works on the run, if it is due and nobody is alive on it.
 * @returns undefined when it is done, not due, or another's.
 */
export async function claimRun(executor: RegistryExecutor, claim: Claim): Promise<ClaimedRun | undefined> {
  return executor
    .updateTable('provisioningRuns')
    .set(({ eb, fn }) => ({
      owner: claim.owner,
      status: 'processing' as const,
      heartbeatAt: sql<Date>`now()`,
      startedAt: fn.coalesce('startedAt', sql<Date>`now()`),
      attempts: eb('attempts', '+', 1),
      // Nobody tried for so long that what was in the way before says nothing any more.
      failingSince: sql<Date | null>`CASE WHEN heartbeat_at > now() - ${deserted} THEN failing_since END`,
    }))
    .where('tenantId', '=', claim.tenantId)
    .where('generation', '=', claim.generation)
    .where('status', 'in', open)
    .where('notBefore', '<=', sql<Date>`now()`)
    .where(({ or, eb }) => or([eb('owner', 'is', null), eb('heartbeatAt', '<', ago(claim.staleAfterMs))]))
    .returningAll()
    .returning(
      sql<number>`coalesce(extract(epoch FROM now() - failing_since) * 1000, 0)::float8`.as('failingMs'),
    )
    .executeTakeFirst();
}

/** The work on a run that `owner` still has; everything here changes nothing when it has been taken over. */
export type OwnedRun = { id: string; tenantId: string; owner: string };

/** `lost`: the run is another's by now. `cancelled`: it is ours, and an operator wants it taken back. */
export type Standing = 'ours' | 'cancelled' | 'lost';

/** Tells that `owner` is alive, and hears how the run stands. */
export async function beat(executor: RegistryExecutor, run: OwnedRun): Promise<Standing> {
  const update = executor
    .updateTable('provisioningRuns')
    .set({ heartbeatAt: sql<Date>`now()` })
    .where('id', '=', run.id)
    .where('owner', '=', run.owner)
    .returning(['kind', 'cancelRequestedAt']);
  const [found] = await runPrepared(executor, update);
  if (found === undefined) return 'lost';
  return isCancelled(found) ? 'cancelled' : 'ours';
}

export type RunEnd =
  | { status: 'completed' }
  | { status: 'failed' | 'cancelled'; errorCode: string; errorDetail: string; needsAttention: boolean };

/** @returns false when the run is another's by now. */
export async function finishRun(executor: RegistryExecutor, run: OwnedRun, end: RunEnd): Promise<boolean> {
  const change = { status: end.status, finishedAt: sql<Date>`now()` };
  if (end.status === 'completed') {
    const success = { progress: 100, errorCode: null, errorDetail: null, needsAttention: false };
    return letGo(executor, run, { change: { ...change, ...success }, stepEnd: { status: 'done' } });
  }
  const { errorCode, errorDetail, needsAttention } = end;
  const failure = { errorCode, errorDetail, needsAttention };
  const stepEnd = { status: 'failed', errorCode } as const;
  return letGo(executor, run, { change: { ...change, ...failure }, stepEnd });
}

export type Pause = {
  delayMs: number;
  errorCode: string;
  errorDetail: string;
  /** The worker stops; nothing was in the way. */
  isInterruption?: true;
};

/** Lets go of a run that is tried again later. @returns false when it is another's by now. */
export async function pauseRun(executor: RegistryExecutor, run: OwnedRun, pause: Pause): Promise<boolean> {
  const { delayMs, errorCode, errorDetail, isInterruption = false } = pause;
  // What was cancelled since the last beat is due at once: this attempt did not know of it.
  const notBefore = sql<Date>`CASE WHEN cancel_requested_at > heartbeat_at THEN now()
                                   ELSE now() + ${delayMs} * interval '1 millisecond' END`;
  const failingSince = isInterruption ? sql<Date>`failing_since` : sql<Date>`coalesce(failing_since, now())`;
  const stepEnd = { status: 'failed', errorCode } as const;
  return letGo(executor, run, { change: { notBefore, failingSince, errorCode, errorDetail }, stepEnd });
}

type LettingGo = { change: RunChange; stepEnd: { status: StepStatus; errorCode?: string } };

/** The run has no owner any more, its step has ended, and those who watch are told: in one statement. */
async function letGo(executor: RegistryExecutor, run: OwnedRun, end: LettingGo): Promise<boolean> {
  const hasEnded = 'status' in end.change;
  const message = { kind: 'run.changed', runId: run.id, tenantId: run.tenantId, hasEnded } as const;
  const release = executor
    .with('released', (db) =>
      db
        .updateTable('provisioningRuns')
        .set({ ...end.change, owner: null } as Updateable<ProvisioningRuns>)
        .where('id', '=', run.id)
        .where('owner', '=', run.owner)
        .returning('id'),
    )
    .with('ended', (db) =>
      db
        .updateTable('provisioningSteps as step')
        .from('released')
        .set({ ...end.stepEnd, finishedAt: sql<Date>`now()` })
        .whereRef('step.runId', '=', 'released.id')
        .where('step.status', '=', 'running'),
    )
    .selectFrom('released')
    .select(notification(message).as('told'));
  return (await runPrepared(executor, release)).length > 0;
}

export type Ring = { tenantId: string; generation: number; ring: number };

/**
 * Takes the next ring number of one run.
 * @returns undefined when there is nothing left to ring for.
 */
export async function nextRing(
  executor: RegistryExecutor,
  tenantId: string,
  generation: number,
): Promise<Ring | undefined> {
  const update = executor
    .updateTable('provisioningRuns')
    .set(({ eb }) => ({ rings: eb('rings', '+', 1), rungAt: sql<Date>`now()` }))
    .where('tenantId', '=', tenantId)
    .where('generation', '=', generation)
    .where('status', 'in', open)
    .returning(['tenantId', 'generation', 'rings as ring']);
  const [ring] = await runPrepared(executor, update);
  return ring;
}

export type ForgottenLook = {
  staleAfterMs: number;
  limit: number;
  /** What merely waits in the queue is given ever more time before it counts as forgotten. */
  isPatient: boolean;
};

/**
 * The sweeper's look: due runs on which nobody is alive and for which nobody rang lately.
 * Marked as rung in the same statement, so that two sweepers do not both have them.
 */
export async function takeForgottenRuns(executor: RegistryExecutor, look: ForgottenLook): Promise<Ring[]> {
  const times = look.isPatient
    ? sql<number>`CASE WHEN heartbeat_at IS NULL THEN least(rings, 12) ELSE 1 END`
    : sql<number>`1`;
  return executor
    .updateTable('provisioningRuns')
    .set(({ eb }) => ({ rings: eb('rings', '+', 1), rungAt: sql<Date>`now()` }))
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('provisioningRuns')
        .select('id')
        .where('status', 'in', open)
        .where('notBefore', '<=', sql<Date>`now()`)
        .where(({ or, eb }) =>
          or([
            eb('heartbeatAt', 'is', null),
            eb('owner', 'is', null),
            eb('heartbeatAt', '<', ago(look.staleAfterMs)),
          ]),
        )
        .where(({ or, eb, fn, ref }) =>
          or([
            eb(
              fn.coalesce('rungAt', 'createdAt'),
              '<',
              sql<Date>`now() - ${look.staleAfterMs} * interval '1 millisecond' * ${times}`,
            ),
            eb('rungAt', '<', ref('notBefore')),
          ]),
        )
        .orderBy('notBefore')
        .limit(look.limit)
        .forUpdate()
        .skipLocked(),
    )
    .returning(['tenantId', 'generation', 'rings as ring'])
    .execute();
}

const ago = (ms: number) => sql<Date>`now() - ${ms} * interval '1 millisecond'`;

type RunChange = {
  [Column in keyof Updateable<ProvisioningRuns>]: Updateable<ProvisioningRuns>[Column] | RawBuilder<Date>;
};
