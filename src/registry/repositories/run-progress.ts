import { sql } from 'kysely';
import { runPrepared } from '../prepared-statements.ts';
import type { RegistryExecutor } from '../registry-database.ts';
import type { RunKind, RunStatus, StepStatus } from '../tables.generated.ts';

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

/** Of these runs, those that have not ended. */
export async function listOpenRuns(executor: RegistryExecutor, runIds: readonly string[]): Promise<string[]> {
  const query = executor
    .selectFrom('provisioningRuns')
    .select('id')
    .where('status', 'not in', ['completed', 'failed', 'cancelled'])
    .where('id', '=', sql<string>`ANY (${runIds}::uuid[])`);
  return (await runPrepared(executor, query)).map(({ id }) => id);
}

export type OpenRun = {
  id: string;
  kind: RunKind;
  status: RunStatus;
  progress: number;
  currentStep: string | null;
  attempts: number;
  errorCode: string | null;
  errorDetail: string | null;
  /** Everything is being taken back. */
  isCancelling: boolean;
  /** When it is tried again, if it waits. */
  notBefore: Date;
};

/** The run that is at work on a tenant, or waits for something; what is in its way is told to operators. */
export async function findOpenRun(
  executor: RegistryExecutor,
  tenantId: string,
): Promise<OpenRun | undefined> {
  return executor
    .selectFrom('provisioningRuns')
    .select(['id', 'kind', 'status', 'progress', 'currentStep', 'attempts', 'errorCode', 'errorDetail'])
    .select('notBefore')
    .select(sql<boolean>`cancel_requested_at IS NOT NULL`.as('isCancelling'))
    .where('tenantId', '=', tenantId)
    .where('status', 'in', ['pending', 'processing'])
    .orderBy('generation', 'desc')
    .limit(1)
    .executeTakeFirst();
}
