import { type Selectable, sql } from 'kysely';
import type { RegistryExecutor } from '../registry-database.ts';
import type { ProvisioningRuns } from '../tables.generated.ts';

type Run = Selectable<ProvisioningRuns>;

/** A purge carries a cancellation out; it is not cancelled by it. */
export function isCancelled(run: Pick<Run, 'kind' | 'cancelRequestedAt'>): boolean {
  return run.kind === 'provision' && run.cancelRequestedAt !== null;
}

/**
 * Asks whoever works on the tenant's provisioning to take it back; where nobody does, it is due now.
 * A second request changes nothing. @returns undefined when nothing is being provisioned.
 */
export async function requestCancellation(
  executor: RegistryExecutor,
  tenantId: string,
  reason: string | null,
): Promise<(Run & { isFirst: boolean }) | undefined> {
  // Locked, so that of a cancellation and the activation at the same moment one sees the other.
  const run = await executor
    .selectFrom('provisioningRuns')
    .selectAll()
    .where('tenantId', '=', tenantId)
    .where('kind', '=', 'provision')
    .where('status', 'in', ['pending', 'processing'])
    .forUpdate()
    .executeTakeFirst();
  if (run === undefined || run.cancelRequestedAt !== null) return run && { ...run, isFirst: false };
  // By the clock: with the row in hand, it is later than every beat before it.
  const cancelled = await executor
    .updateTable('provisioningRuns')
    .set({
      cancelRequestedAt: sql<Date>`clock_timestamp()`,
      cancelReason: reason,
      notBefore: sql<Date>`now()`,
    })
    .where('id', '=', run.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  return { ...cancelled, isFirst: true };
}

/** Nobody needs to look at a tenant's earlier runs once a new one is under way. */
export async function clearAttention(executor: RegistryExecutor, tenantId: string): Promise<void> {
  await executor
    .updateTable('provisioningRuns')
    .set({ needsAttention: false })
    .where('tenantId', '=', tenantId)
    .where('needsAttention', '=', true)
    .execute();
}
