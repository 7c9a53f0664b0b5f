import { type Selectable, sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { AuditLog } from '../tables.generated.ts';

export type AuditRow = Selectable<AuditLog> & { tenantSlug: string | null };

export type AuditFilter = {
  tenantId?: string | undefined;
  /** An actor's id, or a kind of actors. */
  actor?: string | undefined;
  /** One action; or, with a point at its end, all of that beginning: `tenant.`. */
  action?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
};

export type AuditPage = { filter: AuditFilter; before?: number | undefined; limit: number };

const kinds: readonly string[] = ['system', 'operator', 'user', 'anonymous'];

/** One page, the newest first. */
export async function listAudit(
  executor: RegistryExecutor,
  { filter, before, limit }: AuditPage,
): Promise<AuditRow[]> {
  const { tenantId, actor, action, since, until } = filter;
  let query = executor
    .selectFrom('auditLog as a')
    .leftJoin('tenantRegistry as t', 't.id', 'a.tenantId')
    .selectAll('a')
    .select('t.slug as tenantSlug');
  if (before !== undefined) query = query.where('a.id', '<', before);
  if (tenantId !== undefined) query = query.where('a.tenantId', '=', tenantId);
  if (actor !== undefined) {
    query = query.where(kinds.includes(actor) ? 'a.actorKind' : 'a.actorId', '=', actor);
  }
  if (action?.endsWith('.')) query = query.where(sql<boolean>`starts_with(a.action, ${action})`);
  else if (action !== undefined) query = query.where('a.action', '=', action);
  if (since !== undefined) query = query.where('a.at', '>=', since);
  if (until !== undefined) query = query.where('a.at', '<', until);
  return query.orderBy('a.id', 'desc').limit(limit).execute();
}
