import type { Measurement, Unit } from './result.ts';

/** One round of one way: how long it took, or how much it did, and everything that is wrong with what came out. */
export type Trial = { value: number; faults: readonly string[] };

export type Way = {
  name: string;
  what: string;
  unit?: Unit;
  /** Name of the way that nothing of the kind can beat. */
  floor?: string;
  /** Prepares, takes the time, looks at the answer. Only the middle of it is in `value`. */
  run: (round: number) => Promise<Trial>;
};

export type Turns = {
  ways: readonly Way[];
  rounds: number;
  /** Rounds before that: their answers count, their times do not. */
  warmups?: number;
  /** After each round, outside every clock. */
  cleanUp?: (round: number) => Promise<void>;
};

/**
 * Measures several ways in turns, each round beginning with another one, so that whatever the machine does
 * meanwhile meets all of them.
 */
export async function takeTurns({ ways, rounds, warmups = 1, cleanUp }: Turns): Promise<Measurement[]> {
  const measurements = ways.map(
    ({ run: _, unit = 'ms', ...described }): Measurement => ({ ...described, unit, values: [], errors: [] }),
  );
  for (let round = -warmups; round < rounds; round += 1) {
    for (let turn = 0; turn < ways.length; turn += 1) {
      const index = (round + warmups + turn) % ways.length;
      const [way, measurement] = [ways[index], measurements[index]];
      if (way === undefined || measurement === undefined) continue;
      const value = await attempt(way, round, measurement);
      if (round >= 0) measurement.values.push(value);
    }
    await cleanUp?.(round);
  }
  return measurements;
}

/** What failed is counted and measures nothing: a wrong answer is never a fast one. */
async function attempt(way: Way, round: number, { errors }: Measurement): Promise<number | null> {
  try {
    const { value, faults } = await way.run(round);
    errors.push(...faults.map((fault) => `round ${round}: ${fault}`));
    return faults.length === 0 ? value : null;
  } catch (error) {
    errors.push(`round ${round}: ${describeError(error)}`);
    return null;
  }
}

/** Milliseconds that the work took, and what it gave. */
export async function timed<Result>(work: () => Promise<Result>): Promise<{ ms: number; result: Result }> {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
}

/** fetch says what happened in its cause alone. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${describeError(error.cause)}`;
}
