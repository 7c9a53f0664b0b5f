import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bench } from '../support/provisioning-bench.ts';
import { createWarmBench, stopClean, untilWarm, warmsWithinMs } from './warm-bench.ts';

describe('a pool of warm databases', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createWarmBench(2);
    await untilWarm(bench, 2);
  }, warmsWithinMs);
  afterAll(() => stopClean(bench));

  it('is kept at its size', async () => {
    const pool = await untilWarm(bench, 2);
    expect(pool).toMatchObject([
      { needsRun: false, connectionLimit: 10 },
      { needsRun: false, connectionLimit: 10 },
    ]);
  });
});
