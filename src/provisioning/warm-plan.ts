import type { TemplateCopy } from '../registry/repositories/templates.ts';
import type { WarmDatabase } from '../registry/repositories/warm-databases.ts';

export type WarmState = {
  /** All of one server's pool. */
  pool: readonly WarmDatabase[];
  /** What it is made from: the newest copy of each template. */
  copies: readonly TemplateCopy[];
  /** Finished ones that are no longer on the server as they were sealed. */
  broken: ReadonlySet<string>;
};

export type WarmWanted = { size: number; connectionsPerTenant: number };

/** What brings the pool to what is wanted: ids to drop, and a copy for each database to make. */
export type WarmPlan = { surplus: string[]; missing: TemplateCopy[] };

export function planWarm({ pool, copies, broken }: WarmState, wanted: WarmWanted): WarmPlan {
  const isFit = (warm: WarmDatabase) =>
    warm.status === 'ready' && warm.connectionLimit === wanted.connectionsPerTenant && !broken.has(warm.id);
  const plans = copies.map((copy) => {
    const fit = pool.filter((warm) => warm.templateCopyId === copy.id && isFit(warm));
    const missing = Math.max(0, wanted.size - fit.length);
    return { kept: fit.slice(0, wanted.size), missing: Array.from({ length: missing }, () => copy) };
  });
  const kept = new Set(plans.flatMap((plan) => plan.kept));
  return {
    surplus: pool.filter((warm) => !kept.has(warm)).map(({ id }) => id),
    missing: plans.flatMap((plan) => plan.missing),
  };
}
