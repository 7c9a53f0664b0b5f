/** The middle of them; NaN of none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Linear between the two nearest, as most tools do it; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (low === undefined || high === undefined) return Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

/** A median with the interval in which the true one lies with a probability of 95 % at least. */
export type Estimate = { median: number; low: number; high: number };

/**
 * By order statistics, which assume nothing of how the values are spread.
 * @returns infinite bounds for fewer than six values: nothing can be said of so few.
 */
export function estimateMedian(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const outside = valuesOutside(sorted.length);
  return {
    median: median(sorted),
    low: outside === undefined ? Number.NEGATIVE_INFINITY : (sorted[outside] ?? Number.NaN),
    high: outside === undefined ? Number.POSITIVE_INFINITY : (sorted.at(-1 - outside) ?? Number.NaN),
  };
}

/** How many values on each side may be left out, so that the rest still covers the median in 95 of 100 cases. */
function valuesOutside(count: number): number | undefined {
  let outside: number | undefined;
  // The chance that the median lies beyond the values from `left` on, on one side.
  let tail = 0.5 ** count;
  for (let left = 0; 2 * tail <= 0.05 && left < count / 2; left += 1) {
    outside = left;
    tail += binomial(count, left + 1) * 0.5 ** count;
  }
  return outside;
}

function binomial(count: number, chosen: number): number {
  let ways = 1;
  for (let index = 0; index < chosen; index += 1) ways = (ways * (count - index)) / (index + 1);
  return ways;
}
