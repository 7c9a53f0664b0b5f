import { listUnfinishedRotations } from '../registry/repositories/pending-credentials.ts';
import {
  findWrongEventCount,
  listTenantsWithoutRun,
  lockTenant,
  ringStuckRun,
  ringStuckTask,
  takeBackEvents,
  tellOfActivation,
} from '../registry/repositories/reconcile.ts';
import { type Found, keyOf } from './finding.ts';
import { lookAtRegistry, silentMs } from './look-at-registry.ts';
import type { ReconcileNeeds } from './reconcile-needs.ts';
import { done, gone, type Mended, unchanged } from './repair-outcome.ts';

/** Mends what only the registry knows of; each looks again in the transaction in which it changes something. */
export async function repairRegistry(needs: ReconcileNeeds, found: Found): Promise<Mended> {
  const { target, action } = found;
  if (action === undefined || !(await mend(needs, { target, action }))) return gone;
  const left = (await lookAtRegistry(needs.registry)).find((each) => keyOf(each) === keyOf(found));
  return left?.action === action ? unchanged([left]) : done(action);
}

async function mend(
  needs: ReconcileNeeds,
  { target, action }: Pick<Found, 'target' | 'action'>,
): Promise<boolean> {
  const transaction = needs.registry.transaction();
  switch (target.of) {
    case 'run':
      return transaction.execute((trx) => ringStuckRun(trx, target, silentMs));
    case 'task':
      return transaction.execute((trx) => ringStuckTask(trx, target.id, silentMs));
    case 'registry':
      if (action === 'restart_run') return restart(needs, target.tenantId);
      if (action === 'finish_rotation') return finishRotation(needs, target.tenantId);
      return settleEvents(needs, target.tenantId);
    default:
      return false;
  }
}

async function restart({ registry, restartRun }: ReconcileNeeds, tenantId: string): Promise<boolean> {
  const halted = await listTenantsWithoutRun(registry);
  if (!halted.some((each) => each.tenantId === tenantId)) return false;
  await restartRun(tenantId);
  return true;
}

async function finishRotation(needs: ReconcileNeeds, tenantId: string): Promise<boolean> {
  const unfinished = await listUnfinishedRotations(needs.registry, silentMs);
  if (!unfinished.some((each) => each.tenantId === tenantId)) return false;
  await needs.finishRotation(tenantId);
  return true;
}

/** Whoever activates a tenant changes its row: under its lock the count stands still. */
async function settleEvents({ registry }: ReconcileNeeds, tenantId: string): Promise<boolean> {
  return registry.transaction().execute(async (trx) => {
    await lockTenant(trx, tenantId);
    const wrong = await findWrongEventCount(trx, tenantId);
    if (wrong === undefined) return false;
    const { activations, events, untold } = wrong;
    for (let told = events; told < activations; told += 1) await tellOfActivation(trx, tenantId);
    if (events < activations) return true;
    if (untold < events - activations) return false;
    await takeBackEvents(trx, tenantId, events - activations);
    return true;
  });
}
