export type Random = ReturnType<typeof createSeededRandom>;

/**
 * Numbers that come again for the same seed, so that a failure can be repeated. A linear congruential generator
 * modulo 2^32 (multiplier and increment of Numerical Recipes, 3rd edition, 7.1), of which the high bits are used.
 */
export function createSeededRandom(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return {
    /** A whole number from 0 to `limit - 1`. */
    below: (limit: number): number => Math.floor(next() * limit),
  };
}

/** The seed that the environment asks for (TEST_SEED), else a new one; print it. */
export function chooseSeed(): number {
  return Number(process.env.TEST_SEED ?? Date.now() % 1_000_000);
}
