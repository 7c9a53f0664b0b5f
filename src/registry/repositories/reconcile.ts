import { sql } from 'kysely';
import { publish } from '../messages.ts';
import type { RegistryExecutor } from '../registry-database.ts';
import { recordAudit, systemActor } from './audit-log.ts';
import { insertOutbox } from './outbox.ts';
import { findTenant } from './tenants.ts';

/** What only the registry has to say: rows that contradict each other, or that nobody comes to. */

export type StuckRun = { runId: string; tenantId: string; slug: string; generation: number; kind: string };

const stuck = sql<boolean>`
  j.status IN ('pending', 'processing') AND j.not_before < now() - silence.span
  AND coalesce(j.heartbeat_at, j.created_at) < now() - silence.span
  AND coalesce(j.rung_at, j.created_at) < now() - silence.span`;
const silenceOf = (ms: number) => sql`(SELECT ${ms} * interval '1 millisecond' AS span) silence`;

/** Due runs at which nobody is, and for which nobody has rung for so long. */
export async function listStuckRuns(executor: RegistryExecutor, silentMs: number): Promise<StuckRun[]> {
  const { rows } = await sql<StuckRun>`
    SELECT j.id AS run_id, j.tenant_id, t.slug, j.generation, j.kind
      FROM provisioning_runs j JOIN tenant_registry t ON t.id = j.tenant_id, ${silenceOf(silentMs)}
     WHERE ${stuck} ORDER BY j.created_at LIMIT 1000`.execute(executor);
  return rows;
}

export async function listStuckTasks(
  executor: RegistryExecutor,
  silentMs: number,
): Promise<{ id: string; kind: string }[]> {
  const { rows } = await sql<{ id: string; kind: string }>`
    SELECT j.id, j.kind FROM tasks j, ${silenceOf(silentMs)}
     WHERE ${stuck} ORDER BY j.created_at LIMIT 1000`.execute(executor);
  return rows;
}

export type Halted = { tenantId: string; slug: string; status: 'requested' | 'provisioning' | 'purging' };

/** Leaves a ring for a stuck run, which is stuck no more for the time being. @returns false when it is not stuck. */
export async function ringStuckRun(
  executor: RegistryExecutor,
  { tenantId, generation }: { tenantId: string; generation: number },
  silentMs: number,
): Promise<boolean> {
  const { rows } = await sql`
    UPDATE provisioning_runs j SET rung_at = now() FROM ${silenceOf(silentMs)}
     WHERE j.tenant_id = ${tenantId} AND j.generation = ${generation} AND ${stuck}
    RETURNING j.id`.execute(executor);
  if (rows.length === 0) return false;
  await insertOutbox(executor, {
    topic: 'queue.run-provisioning',
    payload: { tenant_id: tenantId, generation },
  });
  return true;
}

/** The same for a task. */
export async function ringStuckTask(
  executor: RegistryExecutor,
  id: string,
  silentMs: number,
): Promise<boolean> {
  const { rows } = await sql`
    UPDATE tasks j SET rung_at = now() FROM ${silenceOf(silentMs)} WHERE j.id = ${id} AND ${stuck}
    RETURNING j.id`.execute(executor);
  if (rows.length === 0) return false;
  await insertOutbox(executor, { topic: 'queue.run-task', payload: { task_id: id } });
  return true;
}

/** Tenants that are being made or unmade, and for which no run is open. */
export async function listTenantsWithoutRun(executor: RegistryExecutor): Promise<Halted[]> {
  const { rows } = await sql<Halted>`
    SELECT t.id AS tenant_id, t.slug, t.status FROM tenant_registry t
     WHERE t.status IN ('requested', 'provisioning', 'purging')
       AND NOT EXISTS (SELECT FROM provisioning_runs r WHERE r.tenant_id = t.id AND r.generation = t.generation
                          AND (r.status IN ('pending', 'processing') OR (r.status = 'failed' AND r.needs_attention)))
     ORDER BY t.id LIMIT 1000`.execute(executor);
  return rows;
}

export type AttentionRun = {
  runId: string;
  tenantId: string;
  slug: string;
  kind: string;
  errorDetail: string | null;
};

export async function listRunsInNeed(executor: RegistryExecutor): Promise<AttentionRun[]> {
  const { rows } = await sql<AttentionRun>`
    SELECT r.id AS run_id, r.tenant_id, t.slug, r.kind, r.error_detail
      FROM provisioning_runs r JOIN tenant_registry t ON t.id = r.tenant_id
     WHERE r.needs_attention AND t.status <> 'deleted' ORDER BY r.created_at LIMIT 1000`.execute(executor);
  return rows;
}

/** Requests with an Idempotency-Key that were accepted, and whose tenant is not there. */
export async function listLostRegistrations(
  executor: RegistryExecutor,
): Promise<{ tenantId: string; scope: string }[]> {
  const { rows } = await sql<{ tenantId: string; scope: string }>`
    SELECT k.resource_id AS tenant_id, k.scope FROM idempotency_keys k
     WHERE k.resource_id IS NOT NULL
       AND NOT EXISTS (SELECT FROM tenant_registry t WHERE t.id = k.resource_id)
     ORDER BY k.created_at LIMIT 1000`.execute(executor);
  return rows;
}

export type EventCount = {
  tenantId: string;
  slug: string;
  activations: number;
  events: number;
  untold: number;
};

/** Delivered events are kept for a week, so that the activations of older runs can no longer be counted. */
const countedDays = sql`interval '6 days'`;

/** Tenants that were activated lately and of which not exactly one event tells. */
export async function listWrongEventCounts(executor: RegistryExecutor): Promise<EventCount[]> {
  return selectEventCounts(executor, sql`true`);
}

export async function findWrongEventCount(
  executor: RegistryExecutor,
  tenantId: string,
): Promise<EventCount | undefined> {
  const [count] = await selectEventCounts(executor, sql`r.tenant_id = ${tenantId}`);
  return count;
}

async function selectEventCounts(executor: RegistryExecutor, condition: ReturnType<typeof sql<boolean>>) {
  const { rows } = await sql<EventCount>`
    WITH activated AS (
      SELECT r.tenant_id, count(*)::int AS activations FROM provisioning_runs r
       WHERE r.kind = 'provision' AND r.status = 'completed' AND ${condition}
         AND r.created_at > now() - ${countedDays}
         AND NOT EXISTS (SELECT FROM provisioning_runs earlier
                          WHERE earlier.tenant_id = r.tenant_id AND earlier.kind = 'provision'
                            AND earlier.status = 'completed' AND earlier.created_at <= now() - ${countedDays})
       GROUP BY r.tenant_id
    ), told AS (
      SELECT (payload ->> 'tenant_id')::uuid AS tenant_id, count(*)::int AS events,
             count(*) FILTER (WHERE delivered_at IS NULL)::int AS untold
        FROM outbox WHERE topic = 'event.tenant.activated' GROUP BY 1
    )
    SELECT a.tenant_id, t.slug, a.activations, coalesce(told.events, 0) AS events,
           coalesce(told.untold, 0) AS untold
      FROM activated a JOIN tenant_registry t ON t.id = a.tenant_id LEFT JOIN told ON told.tenant_id = a.tenant_id
     WHERE coalesce(told.events, 0) <> a.activations
     ORDER BY a.tenant_id LIMIT 1000`.execute(executor);
  return rows;
}

/** Tells of an activation of which no event tells. To be called under the lock of the tenant's row. */
export async function tellOfActivation(executor: RegistryExecutor, tenantId: string): Promise<void> {
  await insertOutbox(executor, { topic: 'event.tenant.activated', payload: { tenant_id: tenantId } });
}

/** Deletes the newest `surplus` events of a tenant's activation that nobody was told yet. */
export async function takeBackEvents(
  executor: RegistryExecutor,
  tenantId: string,
  surplus: number,
): Promise<void> {
  await sql`
    DELETE FROM outbox WHERE id IN (
      SELECT id FROM outbox
       WHERE topic = 'event.tenant.activated' AND payload ->> 'tenant_id' = ${tenantId} AND delivered_at IS NULL
       ORDER BY id DESC LIMIT ${surplus} FOR UPDATE)`.execute(executor);
}

/** Makes every other change of the tenant's row wait for the end of the transaction. */
export async function lockTenant(executor: RegistryExecutor, tenantId: string): Promise<void> {
  await executor
    .selectFrom('tenantRegistry')
    .select('id')
    .where('id', '=', tenantId)
    .forNoKeyUpdate()
    .execute();
}

export type Vanished = { tenantId: string; reason: string };

/**
 * Refuses requests to a tenant whose database is gone, and marks its newest run for an operator.
 * @returns false when the tenant is in another state by now.
 */
export async function putToMaintenance(
  executor: RegistryExecutor,
  { tenantId, reason }: Vanished,
): Promise<boolean> {
  await lockTenant(executor, tenantId);
  const before = await findTenant(executor, tenantId);
  if (before === undefined || !(before.status === 'active' || before.status === 'read_only')) return false;
  await executor
    .updateTable('tenantRegistry')
    .set({ status: 'maintenance', statusReason: reason })
    .where('id', '=', tenantId)
    .execute();
  await sql`
    UPDATE provisioning_runs SET needs_attention = true, error_code = 'database_missing', error_detail = ${reason}
     WHERE tenant_id = ${tenantId} AND generation = ${before.generation}`.execute(executor);
  await recordAudit(executor, {
    actor: systemActor,
    action: 'tenant.maintenance',
    tenantId,
    before: { status: before.status },
    after: { status: 'maintenance', reason },
  });
  await publish(executor, { kind: 'tenant.changed', tenantId, slug: before.slug });
  return true;
}

export type SecretPlace = { place: string; row: string };

/** A value under a name that says secret, a URL with a password, or a SCRAM verifier. */
const secretText = `("[a-z_]*(password|secret|token|verifier|api_key)[a-z_]*" *: *"[^"])|(postgres(ql)?://[^:/@ ]+:[^@/ ]+@)|(SCRAM-SHA-256[$])`;

/** Where texts that are kept in clear look like a secret. What is sealed or hashed is in columns of its own. */
export async function listSecretsInClear(executor: RegistryExecutor): Promise<SecretPlace[]> {
  const { rows } = await sql<SecretPlace>`
    SELECT place, "row" FROM (
      SELECT 'outbox' AS place, id::text AS "row", payload::text || ' ' || coalesce(last_error, '') AS text FROM outbox
      UNION ALL SELECT 'tasks', id::text,
        concat_ws(' ', parameters::text, result::text, error_detail) FROM tasks
      UNION ALL SELECT 'provisioning_runs', id::text, concat_ws(' ', error_detail, cancel_reason) FROM provisioning_runs
      UNION ALL SELECT 'tenant_registry', id::text, status_reason FROM tenant_registry WHERE status_reason IS NOT NULL
      UNION ALL SELECT 'templates', id::text, trouble_detail FROM templates WHERE trouble_detail IS NOT NULL
      UNION ALL SELECT 'audit_log', id::text, concat_ws(' ', before::text, after::text) FROM audit_log
       WHERE at > now() - interval '7 days'
    ) kept WHERE text ~* ${secretText} ORDER BY 1, 2 LIMIT 1000`.execute(executor);
  return rows;
}

/** @returns whether this holder may look now: it was the last one, or the last one has fallen silent. */
export async function holdReconciler(
  executor: RegistryExecutor,
  { holder, staleMs }: { holder: string; staleMs: number },
): Promise<boolean> {
  const { rows } = await sql`
    INSERT INTO heartbeats AS h (name, holder, beat_at) VALUES ('reconciler', ${holder}, now())
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, beat_at = now()
    WHERE h.holder = excluded.holder OR h.beat_at < now() - ${staleMs} * interval '1 millisecond'
    RETURNING holder`.execute(executor);
  return rows.length > 0;
}
