import type { Benchmark } from './benchmark.ts';
import { p1 } from './p1-provisioning.ts';

/** Every benchmark, in the order in which they run. */
export const benchmarks: readonly Benchmark[] = [p1];
