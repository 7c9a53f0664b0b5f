import { type Insertable, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { notification } from '../messages.ts';
import { runPrepared } from '../prepared-statements.ts';
import type { RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
import type { RegistryMessage } from '../registry-message.ts';
import type { ProvisioningRuns } from '../tables.generated.ts';
import { type AuditEntry, auditRow } from './audit-log.ts';
import type { OutboxMessage } from './outbox.ts';
import type { User } from './users.ts';

export type AdmissionAsk = { plan: string; template: string; email: string; maxPending: number };

/** What decides whether somebody may register. */
export type Admission = {
  plan: { selfService: boolean } | undefined;
  templateId: string | undefined;
  /** Who has the address already. */
  user: User | undefined;
  /** How many tenants wait for their database; not counted beyond `maxPending`. */
  openRuns: number;
};

type AdmissionRow = User & { planIsOpen: boolean | null; templateId: string | null; openRuns: number };

/** In one statement: every round trip is waited for by somebody who signs up. */
export async function readAdmission(executor: RegistryExecutor, ask: AdmissionAsk): Promise<Admission> {
  const rows = await runPrepared<AdmissionRow>(
    executor,
    sql`
    SELECT plan.self_service AS plan_is_open, template.id AS template_id,
           person.id, person.email, person.name, person.password_hash, person.email_verified_at,
           person.platform_role, person.created_at, person.last_login_at,
           (SELECT count(*)::int FROM (
              SELECT FROM provisioning_runs
               WHERE status IN ('pending', 'processing') AND kind = 'provision' LIMIT ${ask.maxPending}
            ) open) AS open_runs
      FROM (VALUES (1)) AS one
      LEFT JOIN plans plan ON plan.key = ${ask.plan}
      LEFT JOIN templates template ON template.key = ${ask.template}
      LEFT JOIN global_users person ON person.email = ${ask.email}`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('A query without conditions gave no row.');
  const { planIsOpen, templateId, openRuns, ...person } = row;
  return {
    plan: planIsOpen === null ? undefined : { selfService: planIsOpen },
    templateId: templateId ?? undefined,
    user: person.id === null ? undefined : person,
    openRuns,
  };
}

export type Registration = {
  tenantId: string;
  /** The first administrator. */
  userId: string;
  run: Insertable<ProvisioningRuns>;
  /** The steps of a run that is completed already; none of one that is to come. */
  steps: readonly string[];
  outbox: OutboxMessage;
  audit: readonly AuditEntry[];
  messages: readonly RegistryMessage[];
};

/** Everything that a tenant has beside its row from its first moment, in one statement. */
export async function insertRegistration(
  trx: RegistryTransaction,
  { tenantId, userId, run, steps, outbox, audit, messages }: Registration,
): Promise<void> {
  const { topic, payload } = outbox;
  const now = sql<Date>`now()`;
  const times = steps.length > 0 ? { startedAt: now, finishedAt: now } : {};
  const insertion = trx
    .with('member', (db) => db.insertInto('tenantMembers').values({ tenantId, userId, role: 'ADMIN' }))
    .with('settings', (db) => db.insertInto('tenantSettings').values({ tenantId }))
    .with('usage', (db) => db.insertInto('tenantUsage').values({ tenantId, users: 1 }))
    .with('run', (db) => db.insertInto('provisioningRuns').values({ ...run, ...times }))
    .with('done', (db) =>
      db
        .insertInto('provisioningSteps')
        .columns(['runId', 'position', 'name', 'status', 'finishedAt'])
        .expression(sql`
          SELECT ${run.id}::uuid, step.position - 1, step.name, 'done'::step_status, now()
            FROM unnest(${steps}::text[]) WITH ORDINALITY AS step (name, position)`),
    )
    .with('told', (db) =>
      db.insertInto('outbox').values({ eventId: uuidv7(), topic, payload: JSON.stringify(payload) }),
    )
    .with('audited', (db) => db.insertInto('auditLog').values(audit.map(auditRow)))
    .selectNoFrom(messages.map((message, place) => notification(message).as(`sent${place}`)));
  await runPrepared(trx, insertion);
}
