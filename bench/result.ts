import type { Machine } from './machine.ts';
import { type Estimate, estimateMedian, median, quantile } from './statistics.ts';

export type Unit = 'ms' | 'per s';

/** One way of doing a job, and what came out of each round; null where it failed. */
export type Measurement = {
  name: string;
  /** What exactly was done between start and end of the clock. */
  what: string;
  unit: Unit;
  /** Name of the way in the same table that nothing of the kind can beat. */
  floor?: string;
  values: (number | null)[];
  /** One sentence for each answer that was wrong or did not come. */
  errors: string[];
};

export type Verdict = 'met' | 'missed' | 'unproven' | 'not measured';

export type Goal = {
  text: string;
  verdict: Verdict;
  /** What was found, in words and figures. */
  finding: string;
};

/** Ways that were measured in turns and may be compared with each other. */
export type Section = {
  title: string;
  measurements: Measurement[];
  /** What was found besides, one sentence each. */
  notes?: string[];
  goals: Goal[];
};

export type BenchmarkResult = {
  id: string;
  title: string;
  startedAt: string;
  mode: 'full' | 'small';
  machine: Machine;
  sections: Section[];
};

/** The quotients of the rounds in which both succeeded: what disturbs a round disturbs both. */
export function ratioOf(value: Measurement, base: Measurement): Estimate {
  return estimateMedian(pairsOf(value, base).map(([one, other]) => one / other));
}

function pairsOf(value: Measurement, base: Measurement): [number, number][] {
  return value.values.flatMap((each, round): [number, number][] => {
    const other = base.values[round];
    return each === null || other === null || other === undefined ? [] : [[each, other]];
  });
}

export type Bound = { atMost: number } | { atLeast: number };

/** Met or missed only where the whole interval says so. */
export function judge(estimate: Estimate, bound: Bound): Verdict {
  if (Number.isNaN(estimate.median)) return 'not measured';
  const [low, high] = [estimate.low, estimate.high];
  if ('atMost' in bound) {
    if (high <= bound.atMost) return 'met';
    return low > bound.atMost ? 'missed' : 'unproven';
  }
  if (low >= bound.atLeast) return 'met';
  return high < bound.atLeast ? 'missed' : 'unproven';
}

export function ratioGoal(
  text: string,
  { value, base, bound }: { value: Measurement; base: Measurement; bound: Bound },
): Goal {
  const estimate = ratioOf(value, base);
  return { text, verdict: judge(estimate, bound), finding: `${describe(estimate)} ×` };
}

/** So many that the worst of a hundred is known. */
const enoughForTail = 100;

/** How much longer the slowest of a hundred took than the usual time of the base; of fewer, nothing is said. */
export function tailGoal(
  text: string,
  { value, base, atMostMs }: { value: Measurement; base: Measurement; atMostMs: number },
): Goal {
  const [values, bases] = [succeeded(value), succeeded(base)];
  const excess = quantile(values, 0.99) - median(bases);
  if (Number.isNaN(excess)) return { text, verdict: 'not measured', finding: '–' };
  if (values.length < enoughForTail)
    return { text, verdict: 'unproven', finding: `only ${values.length} rounds` };
  return { text, verdict: excess <= atMostMs ? 'met' : 'missed', finding: `+ ${round(excess)} ms` };
}

/** How much longer one took than the other, round by round. */
export function excessGoal(
  text: string,
  { value, base, atMostMs }: { value: Measurement; base: Measurement; atMostMs: number },
): Goal {
  const excess = estimateMedian(pairsOf(value, base).map(([one, other]) => one - other));
  return { text, verdict: judge(excess, { atMost: atMostMs }), finding: `+ ${describe(excess)} ms` };
}

export function describe({ median: middle, low, high }: Estimate): string {
  if (Number.isNaN(middle)) return '–';
  if (!Number.isFinite(low) || !Number.isFinite(high)) return `${round(middle)} (too few rounds)`;
  return `${round(middle)} (${round(low)} to ${round(high)})`;
}

export function succeeded({ values }: Measurement): number[] {
  return values.filter((value) => value !== null);
}

export function medianOf(measurement: Measurement): number {
  return median(succeeded(measurement));
}

export function countErrors({ sections }: Pick<BenchmarkResult, 'sections'>): number {
  return sections
    .flatMap(({ measurements }) => measurements)
    .reduce((sum, { errors }) => sum + errors.length, 0);
}

/** Three significant figures. */
export function round(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en-US', {
    minimumFractionDigits: Math.min(digits, 3),
    maximumFractionDigits: Math.min(digits, 3),
  });
}
