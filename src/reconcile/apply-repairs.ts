import pLimit from 'p-limit';
import { AppError } from '../errors/app-error.ts';
import { recordAudit, systemActor } from '../registry/repositories/audit-log.ts';
import { type Found, keyOf, type RepairAction } from './finding.ts';
import type { ReconcileNeeds } from './reconcile-needs.ts';
import { repairLeftover } from './repair-leftover.ts';
import type { Mended } from './repair-outcome.ts';
import { repairRegistry } from './repair-registry.ts';
import { repairStock } from './repair-stock.ts';
import { repairTenant } from './repair-tenant.ts';

/** `held`: left to an operator. */
export type Repair = {
  server: string | null;
  subject: string;
  tenant_id?: string;
  actions: RepairAction[];
  outcome: 'done' | 'gone' | 'busy' | 'failed' | 'held';
  /** Why, where it was not done. */
  detail?: string;
};

export type ApplyOptions = {
  /** `safe`: by itself, without a person who looks at it; `all`: an operator asked for it. */
  repairs: 'safe' | 'all';
  signal: AbortSignal;
};

const atOnce = 4;
/**
 * So many tenants that vanished, or things that nobody names, are hardly an accident: more likely the server or
 * the registry is not the one that it should be, and a person has to see it first.
 */
const mostBySelf = 20;
const sweeping: readonly RepairAction[] = [
  'put_to_maintenance',
  'quarantine',
  'drop_role',
  'drop_template',
  'drop_half_dropped',
];

/** Carries out what the findings say; each repair looks again first, and harms no other when it fails. */
export async function applyRepairs(
  needs: ReconcileNeeds,
  found: readonly Found[],
  { repairs, signal }: ApplyOptions,
): Promise<Repair[]> {
  const limit = pLimit(atOnce);
  const isHeld = repairs === 'safe' ? createHolding(found) : () => false;
  const work = async (group: Found[]): Promise<Repair[]> => {
    const held = group.filter(isHeld);
    const due = group.filter((each) => !held.includes(each));
    const outcomes = held.map((each) => describe([each], { outcome: 'held', detail: whyHeld(each) }));
    const [first] = due;
    if (first === undefined || signal.aborted) return outcomes;
    return [
      ...outcomes,
      describe(due, await attempt(needs, { first, group: due, evenInUse: repairs === 'all' })),
    ];
  };
  const groups = groupByTarget(found);
  // What is to be shut comes before the roles that have rights on it.
  const batches = [groups.filter(isOfDatabase), groups.filter((group) => !isOfDatabase(group))];
  const results: Repair[] = [];
  for (const batch of batches) {
    results.push(...(await Promise.all(batch.map((group) => limit(() => work(group))))).flat());
  }
  return results;
}

const databaseActions: readonly (RepairAction | undefined)[] = [
  'quarantine',
  'drop_half_dropped',
  'drop_template',
];
const isOfDatabase = ([first]: Found[]) => databaseActions.includes(first?.action);

/** What nobody but an operator may set in motion. */
function createHolding(found: readonly Found[]): (each: Found) => boolean {
  const count = (action: RepairAction) => found.filter((each) => each.action === action).length;
  const tooMany = new Set<RepairAction | undefined>(sweeping.filter((action) => count(action) > mostBySelf));
  return ({ action, isInUse }) => isInUse === true || tooMany.has(action);
}

function whyHeld({ isInUse }: Found): string {
  return isInUse
    ? 'somebody uses it: see who, then apply it by hand'
    : `more than ${mostBySelf} of this kind at once: see whether the server and the registry are the right ones, then apply it by hand`;
}

/** All that is wrong with one tenant is mended together, under one lock. */
function groupByTarget(found: readonly Found[]): Found[][] {
  const groups = new Map<string, Found[]>();
  for (const each of found) {
    if (each.action === undefined) continue;
    const key = each.target.of === 'tenant' ? each.target.tenantId : keyOf(each);
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()];
}

type Attempted = Mended | { outcome: 'failed' | 'held'; detail: string };
type Case = { first: Found; group: readonly Found[]; evenInUse: boolean };

async function attempt(needs: ReconcileNeeds, each: Case): Promise<Attempted> {
  const { subject } = each.first;
  try {
    const mended = await repair(needs, each);
    if (mended.outcome === 'done') await note(needs, each.first, mended.actions);
    return mended;
  } catch (error) {
    needs.log.warn({ err: error, subject }, 'A repair failed; the next look tries it again');
    const detail =
      error instanceof AppError ? error.message : 'It failed unexpectedly. The log has the cause.';
    return { outcome: 'failed', detail };
  }
}

function repair(needs: ReconcileNeeds, { first, group, evenInUse }: Case): Promise<Mended> {
  const { target, server: name } = first;
  if (!('serverId' in target)) return repairRegistry(needs, first);
  const server = { id: target.serverId, name: name ?? '' };
  switch (target.of) {
    case 'tenant': {
      const wanted = new Set(group.flatMap(({ action }) => action ?? []));
      return repairTenant(needs, { server, tenantId: target.tenantId, wanted });
    }
    case 'object':
      return repairLeftover(needs, { server, name: target.name, found: first, evenInUse });
    default:
      return repairStock(needs, { server, found: first });
  }
}

async function note({ registry, log }: ReconcileNeeds, found: Found, actions: RepairAction[]): Promise<void> {
  const { server, subject, tenantId, detail } = found;
  log.warn({ server, subject, actions }, `Repaired: ${detail}`);
  await recordAudit(registry, {
    actor: systemActor,
    action: 'reconcile.repaired',
    tenantId: tenantId ?? null,
    after: { server, subject, actions, detail },
  });
}

function describe(group: readonly Found[], attempted: Attempted): Repair {
  const [first] = group;
  const asked = group.flatMap(({ action }) => action ?? []);
  return {
    server: first?.server ?? null,
    subject: first?.subject ?? '',
    ...(first?.tenantId !== undefined && { tenant_id: first.tenantId }),
    actions: attempted.outcome === 'done' ? attempted.actions : [...new Set(asked)],
    outcome: attempted.outcome,
    ...('detail' in attempted && { detail: attempted.detail }),
  };
}
