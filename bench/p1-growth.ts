import { describe, type Goal, judge, type Measurement, round, type Section, succeeded } from './result.ts';
import { type Estimate, estimateMedian } from './statistics.ts';

/** What is called independent of the size: as much as nothing at a hundred times as many tables. */
const independent = 1.2;

export type Sized = { tables: number; section: Section };

/** How each way grows with the schema; the warm one must not. */
export function growthSection(sized: readonly Sized[], warmName: string): Section {
  const [smallest, largest] = [sized[0], sized.at(-1)];
  if (smallest === undefined || largest === undefined) throw new Error('There is no size to compare.');
  const factor = largest.tables / smallest.tables;
  const growths = smallest.section.measurements.flatMap((small) => {
    const large = largest.section.measurements.find(({ name }) => name === small.name);
    return large === undefined ? [] : [{ name: small.name, estimate: quotient(large, small) }];
  });
  const warm = growths.find(({ name }) => name === warmName);
  return {
    title: `Growth from ${smallest.tables} to ${largest.tables.toLocaleString('en-US')} tables`,
    measurements: [],
    notes: growths.map(
      ({ name, estimate }) =>
        `${name}: ${describe(estimate)} × as long; time(2N) / time(N) = ${round(estimate.median ** (1 / Math.log2(factor)))}`,
    ),
    goals: warm === undefined ? [] : [warmGoal(warm.estimate)],
  };
}

function warmGoal(estimate: Estimate): Goal {
  return {
    text: `warm: independent of the size of the schema (at most ${independent} ×)`,
    verdict: judge(estimate, { atMost: independent }),
    finding: `${describe(estimate)} ×`,
  };
}

/** Of two that were not measured in turns: the bounds are as far apart as both intervals allow. */
function quotient(large: Measurement, small: Measurement): Estimate {
  const [above, below] = [estimateMedian(succeeded(large)), estimateMedian(succeeded(small))];
  return {
    median: above.median / below.median,
    low: below.high === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : above.low / below.high,
    high: below.low > 0 ? above.high / below.low : Number.POSITIVE_INFINITY,
  };
}
