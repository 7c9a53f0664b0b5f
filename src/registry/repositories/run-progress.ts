import { sql } from 'kysely';
import { runPrepared } from '../prepared-statements.ts';
import type { RegistryExecutor } from '../registry-database.ts';
import type { RunStatus, StepStatus } from '../tables.generated.ts';

export type StoredStep = { name: string; status: StepStatus; startedAt: Date; finishedAt: Date | null };

export type StoredProgress = {
  tenantId: string;
  slug: string;
  status: RunStatus;
  progress: number;
  currentStep: string | null;
  errorCode: string | null;
  steps: StoredStep[];
};

/** How far a run is, in one statement: everybody who waits for it looks at each step. */
export async function findRunProgress(
  executor: RegistryExecutor,
  runId: string,
): Promise<StoredProgress | undefined> {
  const query = executor
    .selectFrom('provisioningRuns as run')
    .innerJoin('tenantRegistry as tenant', 'tenant.id', 'run.tenantId')
    .select(['run.tenantId', 'tenant.slug', 'run.status', 'run.progress', 'run.currentStep', 'run.errorCode'])
    .select(
      sql<JsonStep[]>`ARRAY(
        SELECT jsonb_build_array(name, status, started_at, finished_at)
          FROM provisioning_steps WHERE run_id = run.id ORDER BY position)`.as('steps'),
    )
    .where('run.id', '=', runId);
  const [found] = await runPrepared(executor, query);
  return found && { ...found, steps: found.steps.map(toStep) };
}

type JsonStep = [name: string, status: StepStatus, startedAt: string, finishedAt: string | null];

const toStep = ([name, status, startedAt, finishedAt]: JsonStep): StoredStep => ({
  name,
  status,
  startedAt: new Date(startedAt),
  finishedAt: finishedAt === null ? null : new Date(finishedAt),
});
