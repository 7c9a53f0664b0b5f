import { listQuarantined } from '../registry/repositories/quarantined-objects.ts';
import { applyRepairs, type Repair } from './apply-repairs.ts';
import { type CheckOptions, type Consistency, checkConsistency } from './check-consistency.ts';
import { dropQuarantined } from './drop-quarantined.ts';
import type { QuarantineChoice } from './find-in-quarantine.ts';
import { type Finding, toFinding } from './finding.ts';
import type { ReconcileNeeds } from './reconcile-needs.ts';
import { releaseQuarantined } from './release-quarantined.ts';
import { createSetbacks } from './setbacks.ts';
import type { Unchecked } from './unchecked.ts';

/** What operators are told: kept as the result of a task, and so JSON. */
export type ReconcileReport = {
  depth: CheckOptions['depth'];
  compared: Consistency['compared'];
  findings: Finding[];
  /** Findings beyond those that are listed. */
  omitted: number;
  unchecked: Unchecked[];
  /** The same beyond those that are listed. */
  omitted_unchecked: number;
  /** What is shut and kept for an operator to decide on. */
  quarantined: {
    server: string;
    name: string;
    reason: string;
    quarantined_at: string;
    /** Since when it is an operator's. */
    released_at: string | null;
  }[];
};

export type Tended = Pick<Consistency, 'found' | 'unchecked'> & { repairs: Repair[] };

export type ApplyReport = ReconcileReport & {
  repairs: Repair[];
  /** Repairs beyond those that are listed. */
  omitted_repairs: number;
};

/** More than a person reads, and little enough to be kept with the task. */
const mostListed = 1_000;

/** Registry against servers: what is wrong, what would be done about it, and doing it. */
export function createReconcile(needs: ReconcileNeeds) {
  const setbacks = createSetbacks(Date.now);

  return {
    /** What `apply` would do. Writes nothing. */
    plan: async (options: CheckOptions): Promise<ReconcileReport> =>
      report(needs, await checkConsistency(needs, options)),

    /** Mends what can be mended; `findings` are those that remain. Right after it, another one writes nothing. */
    async apply(options: CheckOptions): Promise<ApplyReport> {
      const before = await checkConsistency(needs, options);
      const { signal } = options;
      const repairs = await applyRepairs(needs, before.found, { repairs: 'all', setbacks, signal });
      const after = before.found.length === 0 ? before : await checkConsistency(needs, options);
      const listed = repairs.slice(0, mostListed);
      return {
        ...(await report(needs, after)),
        repairs: listed,
        omitted_repairs: repairs.length - listed.length,
      };
    },

    /** What a worker does by itself: a look from outside, and the repairs that need nobody to look at them first. */
    async tend(signal: AbortSignal): Promise<Tended> {
      const { found, unchecked } = await checkConsistency(needs, { depth: 'catalog', signal });
      const repairs = await applyRepairs(needs, found, { repairs: 'safe', setbacks, signal });
      return { found, unchecked, repairs };
    },

    /** Destroys a database that is in quarantine. @throws not_found */
    dropQuarantined: (choice: QuarantineChoice) => dropQuarantined(needs, choice),

    /** Gives it to an operator instead, who is let in and left alone. @throws not_found */
    releaseQuarantined: (choice: QuarantineChoice) => releaseQuarantined(needs, choice),
  };
}

export type Reconcile = ReturnType<typeof createReconcile>;

async function report(
  { registry }: ReconcileNeeds,
  { depth, compared, found, unchecked }: Consistency,
): Promise<ReconcileReport> {
  const findings = found.slice(0, mostListed).map(toFinding);
  const quarantined = (await listQuarantined(registry)).map((each) => ({
    server: each.server,
    name: each.name,
    reason: each.reason,
    quarantined_at: each.quarantinedAt.toISOString(),
    released_at: each.releasedAt?.toISOString() ?? null,
  }));
  const listed = unchecked.slice(0, mostListed);
  return {
    depth,
    compared,
    findings,
    omitted: found.length - findings.length,
    unchecked: listed,
    omitted_unchecked: unchecked.length - listed.length,
    quarantined,
  };
}
