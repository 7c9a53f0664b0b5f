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
import type { Setbacks } from './setbacks.ts';

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
  /** What failed before; an operator's word does not wait for its time. */
  setbacks: Setbacks;
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
  options: ApplyOptions,
): Promise<Repair[]> {
  const limit = pLimit(atOnce);
  const isHeld = options.repairs === 'safe' ? createHolding(found) : () => false;
  const groups = groupByTarget(found).map((group) => ({
    held: group.filter(isHeld),
    due: group.filter((each) => !isHeld(each)),
  }));
  if (options.repairs === 'safe')
    options.setbacks.keepOnly(new Set(groups.map(({ due }) => keyOfGroup(due))));
  // What is to be shut comes before the roles that have rights on it.
  const isOfDatabase = ({ due, held }: Group) => databaseActions.includes((due[0] ?? held[0])?.action);
  const batches = [groups.filter(isOfDatabase), groups.filter((group) => !isOfDatabase(group))];
  const results: Repair[] = [];
  for (const batch of batches) {
    const repairs = batch.map((group) => limit(() => workOn(needs, group, options)));
    results.push(...(await Promise.all(repairs)).flat());
  }
  return results;
}

type Group = { held: readonly Found[]; due: readonly Found[] };

async function workOn(
  needs: ReconcileNeeds,
  { held, due }: Group,
  { repairs, setbacks, signal }: ApplyOptions,
): Promise<Repair[]> {
  const outcomes = held.map((each) => describe([each], { outcome: 'held', detail: whyHeld(each) }));
  const [first] = due;
  if (first === undefined || signal.aborted) return outcomes;
  const waiting = repairs === 'safe' ? setbacks.reasonToWait(keyOfGroup(due)) : undefined;
  const attempted: Attempted =
    waiting === undefined
      ? await attempt(needs, { first, group: due, evenInUse: repairs === 'all' }, setbacks)
      : { outcome: 'held', detail: waiting };
  return [...outcomes, describe(due, attempted)];
}

const keyOfGroup = (group: readonly Found[]): string => group.map(keyOf).sort().join();

const databaseActions: readonly (RepairAction | undefined)[] = [
  'quarantine',
  'drop_half_dropped',
  'drop_template',
];

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

type Attempted = Mended | { outcome: 'held'; detail: string };
type Case = { first: Found; group: readonly Found[]; evenInUse: boolean };

async function attempt(needs: ReconcileNeeds, each: Case, setbacks: Setbacks): Promise<Attempted> {
  const { mended, cause } = await tryRepair(needs, each);
  if (mended.outcome !== 'failed') return mended;
  if (setbacks.noteFailure(keyOfGroup(each.group), mended.detail)) {
    const { server, subject } = each.first;
    needs.log.warn(
      { server, subject, ...(cause !== undefined && { err: cause }) },
      `${subject} could not be mended, which is tried again less and less often: ${mended.detail}`,
    );
  }
  return mended;
}

/** @returns the cause too, where nobody has foreseen it. */
async function tryRepair(needs: ReconcileNeeds, each: Case): Promise<{ mended: Mended; cause?: unknown }> {
  const failed = (detail: string): Mended => ({ outcome: 'failed', actions: [], detail });
  try {
    const mended = await repair(needs, each);
    if ('actions' in mended && mended.actions.length > 0) await note(needs, each.first, mended.actions);
    return { mended };
  } catch (error) {
    if (error instanceof AppError) return { mended: failed(error.message) };
    return { mended: failed('It failed unexpectedly. The log has the cause.'), cause: error };
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
      return repairStock(needs, { server, found: first, evenInUse });
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
