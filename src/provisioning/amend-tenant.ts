import { isDeepStrictEqual } from 'node:util';
import { errors } from '../errors/catalogue.ts';
import { publish } from '../registry/messages.ts';
import type { RegistryDatabase, RegistryTransaction } from '../registry/registry-database.ts';
import { recordAudit } from '../registry/repositories/audit-log.ts';
import { listPlans } from '../registry/repositories/plans.ts';
import { lockTenant } from '../registry/repositories/tenant-locks.ts';
import { changeTenant, type Tenant } from '../registry/repositories/tenants.ts';
import type { ChangeRequest } from './tenant-transition.ts';

/** What operators say of a tenant; what is left out stays. The region is recorded and moves nothing. */
export type Amendment = { name?: string; plan?: string; region?: string; tags?: string[] };

/**
 * Changes what is written down of a tenant, with audit and message; where nothing is different, neither.
 * @throws tenant_not_found, state_conflict, invalid_request
 */
export function createTenantAmendments({ registry }: { registry: RegistryDatabase }) {
  return async function amendTenant(
    tenantId: string,
    amendment: Amendment,
    request: ChangeRequest,
  ): Promise<void> {
    await registry.transaction().execute(async (trx) => {
      const before = await lockTenant(trx, tenantId);
      if (before === undefined) throw errors.tenantNotFound();
      if (before.status === 'purging' || before.status === 'deleted') {
        throw errors.stateConflict(before.status, 'changed');
      }
      await amend(trx, before, { amendment, request });
    });
  };
}

export type AmendTenant = ReturnType<typeof createTenantAmendments>;

type Ask = { amendment: Amendment; request: ChangeRequest };

async function amend(trx: RegistryTransaction, before: Tenant, { amendment, request }: Ask): Promise<void> {
  const names = (Object.keys(amendment) as (keyof Amendment)[]).filter(
    (name) => amendment[name] !== undefined && !isDeepStrictEqual(amendment[name], before[name]),
  );
  if (names.length === 0) return;
  const pick = (from: Amendment) => Object.fromEntries(names.map((name) => [name, from[name]]));
  if (names.includes('plan')) await assertPlan(trx, amendment.plan);
  const { id: tenantId, generation, status } = before;
  const changed = await changeTenant(trx, { id: tenantId, generation, status: [status] }, pick(amendment));
  if (changed === undefined) throw errors.stateConflict(status, 'changed');
  const { actor, requestId, reason } = request;
  await recordAudit(trx, {
    actor,
    action: 'tenant.changed',
    tenantId,
    before: pick(before),
    after: { ...pick(amendment), ...(reason !== undefined && { reason }) },
    requestId,
  });
  await publish(trx, { kind: 'tenant.changed', tenantId, slug: before.slug });
}

async function assertPlan(trx: RegistryTransaction, plan: string | undefined): Promise<void> {
  const keys = (await listPlans(trx)).map(({ key }) => key);
  if (plan !== undefined && keys.includes(plan)) return;
  throw errors.invalidRequest([{ path: 'plan', message: `must be one of ${keys.join(', ')}` }]);
}
