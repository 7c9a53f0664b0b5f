import type { Insertable } from 'kysely';
import { currentContext } from '../../telemetry/request-context.ts';
import type { RegistryExecutor } from '../registry-database.ts';
import type { AuditLog } from '../tables.generated.ts';

/** Who did something: a person of a tenant, an operator by key, nobody known, or the platform itself. */
export type Actor = { kind: 'system' | 'operator' | 'user' | 'anonymous'; id: string | null };

export const systemActor: Actor = { kind: 'system', id: null };

export type AuditEntry = {
  actor: Actor;
  /** `noun.verb_in_past`, e.g. `tenant.suspended`. */
  action: string;
  tenantId?: string | null;
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
  /** The current request's unless given. */
  requestId?: string | null;
};

/** Adds to the append-only log; call it in the transaction of the change. */
export async function recordAudit(executor: RegistryExecutor, entry: AuditEntry): Promise<void> {
  await executor.insertInto('auditLog').values(auditRow(entry)).execute();
}

/** The row of it, for a statement that writes other rows as well. */
export function auditRow(entry: AuditEntry): Insertable<AuditLog> {
  return {
    actorKind: entry.actor.kind,
    actorId: entry.actor.id,
    action: entry.action,
    tenantId: entry.tenantId ?? null,
    before: entry.before === undefined ? null : JSON.stringify(entry.before),
    after: entry.after === undefined ? null : JSON.stringify(entry.after),
    requestId: entry.requestId ?? currentContext()?.requestId ?? null,
  };
}
