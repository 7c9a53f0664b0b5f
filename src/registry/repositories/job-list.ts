import { type RawBuilder, sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { RunStatus } from '../tables.generated.ts';

/** A task or a provisioning run, as operators see both. */
export type Job = {
  id: string;
  /** The kind of the task; `tenant.provision` and `tenant.purge` for runs. */
  kind: string;
  status: RunStatus;
  tenantId: string | null;
  slug: string | null;
  progress: number | null;
  currentStep: string | null;
  attempts: number;
  needsAttention: boolean;
  errorCode: string | null;
  errorDetail: string | null;
  requestedBy: string | null;
  requestId: string | null;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
};

export type JobFilter = {
  kind?: string | undefined;
  status?: RunStatus | undefined;
  /** Only runs that need an operator. */
  needsAttention?: true | undefined;
  /** Runs of this tenant, and tasks that are about it. */
  tenantId?: string | undefined;
};

/** The place after a row: its time in full precision, and its id. */
export type JobPlace = { value: string; id: string };

export type JobPage = { filter: JobFilter; after?: JobPlace | undefined; limit: number };

/** One page, the newest first, each row with its place. Either table gives its own newest by its own index. */
export async function listJobs(
  executor: RegistryExecutor,
  { filter, after, limit }: JobPage,
): Promise<(Job & { place: string })[]> {
  const { kind, status, needsAttention, tenantId } = filter;
  const conditions = ({ kind: kindOf, attention, tenant }: Readings) =>
    sql.join(
      [
        sql`true`,
        ...(kind === undefined ? [] : [sql`${kindOf} = ${kind}`]),
        ...(tenantId === undefined ? [] : [sql`${tenant} = ${tenantId}`]),
        ...(status === undefined ? [] : [sql`j.status::text = ${status}`]),
        ...(needsAttention === undefined ? [] : [attention]),
        ...(after === undefined
          ? []
          : [sql`(j.created_at, j.id) < (${after.value}::timestamptz, ${after.id}::uuid)`]),
      ],
      sql` AND `,
    );
  const newest = sql`ORDER BY j.created_at DESC, j.id DESC LIMIT ${limit}`;
  const { rows } = await sql<Job & { place: string }>`
    SELECT * FROM (
      (SELECT ${taskColumns} FROM tasks j WHERE ${conditions(ofTasks)} ${newest})
      UNION ALL
      (SELECT ${runColumns} FROM provisioning_runs j LEFT JOIN tenant_registry t ON t.id = j.tenant_id
        WHERE ${conditions(ofRuns)} ${newest})
    ) j ${newest}`.execute(executor);
  return rows;
}

export async function findJob(executor: RegistryExecutor, id: string): Promise<Job | undefined> {
  const { rows } = await sql<Job>`
    SELECT ${taskColumns} FROM tasks j WHERE j.id = ${id}
    UNION ALL
    SELECT ${runColumns} FROM provisioning_runs j LEFT JOIN tenant_registry t ON t.id = j.tenant_id
     WHERE j.id = ${id}`.execute(executor);
  return rows[0];
}

const runKind = sql<string>`'tenant.' || j.kind`;
/** How either table says what jobs are chosen by. */
type Readings = { kind: RawBuilder<string>; attention: RawBuilder<boolean>; tenant: RawBuilder<string> };
const ofTasks: Readings = {
  kind: sql`j.kind`,
  attention: sql`false`,
  tenant: sql`j.parameters ->> 'tenant_id'`,
};
const ofRuns: Readings = { kind: runKind, attention: sql`j.needs_attention`, tenant: sql`j.tenant_id::text` };
const shared = sql`
  j.attempts, j.error_code, j.error_detail, j.request_id, j.created_at, j.started_at, j.finished_at,
  to_char(j.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS place`;
const taskColumns = sql`
  j.id, j.kind, j.status::text, NULL::uuid AS tenant_id, NULL AS slug, NULL::int AS progress,
  NULL AS current_step, false AS needs_attention, j.requested_by, ${shared}`;
const runColumns = sql`
  j.id, ${runKind} AS kind, j.status::text, j.tenant_id, t.slug, j.progress,
  j.current_step, j.needs_attention, NULL AS requested_by, ${shared}`;
