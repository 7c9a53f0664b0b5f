import { describe, expect, it } from 'vitest';
import { smallOptions } from '../../bench/benchmark.ts';
import { benchmarks } from '../../bench/benchmarks.ts';

/** Each takes some seconds on an idle machine; it starts servers, processes and databases, and others test beside it. */
const limitMs = 600_000;

describe('every benchmark, in small', () => {
  it.each(benchmarks.map((benchmark) => [benchmark.id, benchmark] as const))(
    '%s gets right answers in every way that it measures',
    async (_, benchmark) => {
      const sections = await benchmark.run({ ...smallOptions, say: () => undefined });
      const measurements = sections.flatMap((section) => section.measurements);
      expect(measurements.flatMap(({ name, errors }) => errors.map((error) => `${name}: ${error}`))).toEqual(
        [],
      );
      expect(measurements.length).toBeGreaterThan(1);
      for (const { name, values } of measurements) {
        expect(values, name).not.toEqual([]);
        expect(values, name).not.toContain(null);
      }
      const missed = sections.flatMap(({ goals }) => goals).filter(({ text }) => text.startsWith('nobody'));
      expect(missed.map(({ verdict }) => verdict)).not.toContain('missed');
    },
    limitMs,
  );
});
