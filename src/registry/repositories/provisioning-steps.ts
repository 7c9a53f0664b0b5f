import { sql } from 'kysely';
import { notification } from '../messages.ts';
import { runPrepared } from '../prepared-statements.ts';
import type { RegistryExecutor } from '../registry-database.ts';
import type { StepStatus } from '../tables.generated.ts';
import type { OwnedRun } from './provisioning-runs.ts';

/** What has come to be of a step. */
export type StepMoment = { position: number; name: string; status: StepStatus };

export type StepProgress = {
  /** One at least; the last of them is where the run is now. */
  moments: readonly StepMoment[];
  /** 0 to 100. */
  progress: number;
};

/**
 * Records steps and tells those who watch, all in one statement: a run passes through a dozen moments, and each
 * round trip of a transaction would be added to what the customer waits. Nobody waits for the disk either: after a
 * crash of the registry a run begins from its first step, whatever is recorded.
 * @returns false when the run is another's by now; nothing is recorded then.
 */
export async function recordSteps(
  executor: RegistryExecutor,
  run: OwnedRun,
  { moments, progress }: StepProgress,
): Promise<boolean> {
  const message = { kind: 'run.changed', runId: run.id, tenantId: run.tenantId, hasEnded: false } as const;
  const recorded = sql`
    WITH owned AS (
      UPDATE provisioning_runs
         SET current_step = ${moments.at(-1)?.name}, progress = ${progress}, heartbeat_at = now()
       WHERE id = ${run.id} AND owner = ${run.owner}
      RETURNING id
    ), recorded AS (
      INSERT INTO provisioning_steps AS step (run_id, position, name, status, finished_at)
      SELECT owned.id, moment.position, moment.name, moment.status,
             CASE WHEN moment.status <> 'running' THEN now() END
        FROM owned, jsonb_to_recordset(${JSON.stringify(moments)}::jsonb)
                      AS moment (position integer, name text, status step_status)
      ON CONFLICT (run_id, position) DO UPDATE
         SET status = excluded.status, finished_at = excluded.finished_at, error_code = NULL,
             attempts = step.attempts + (excluded.status = 'running')::integer
    )
    SELECT ${notification(message)}, set_config('synchronous_commit', 'off', true) FROM owned`;
  return (await runPrepared(executor, recorded)).length > 0;
}
