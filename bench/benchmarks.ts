import type { Benchmark } from './benchmark.ts';
import { p1 } from './p1-provisioning.ts';
import { p2 } from './p2-registration.ts';
import { p3 } from './p3-burst.ts';
import { p4 } from './p4-routing.ts';
import { p5, p5Zipf } from './p5-budget.ts';
import { p9 } from './p9-registry.ts';

/** Every benchmark, in the order in which they run. */
export const benchmarks: readonly Benchmark[] = [p1, p2, p3, p4, p5, p5Zipf, p9];
