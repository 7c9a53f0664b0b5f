import { describe, expect, it } from 'vitest';
import { toMarkdown } from '../../bench/report.ts';
import { excessGoal, judge, type Measurement, ratioGoal, ratioOf, tailGoal } from '../../bench/result.ts';
import { schemaSizes, schemaSql } from '../../bench/schemas.ts';
import { estimateMedian, quantile } from '../../bench/statistics.ts';
import { takeTurns, type Way } from '../../bench/take-turns.ts';

const measured = (name: string, values: (number | null)[]): Measurement => ({
  name,
  what: '',
  unit: 'ms',
  values,
  errors: [],
});

describe('what a benchmark says of its figures', () => {
  it('bounds a median by order, and says nothing of fewer than six values', () => {
    expect(estimateMedian([5, 1, 4, 2, 3])).toEqual({
      median: 3,
      low: Number.NEGATIVE_INFINITY,
      high: Number.POSITIVE_INFINITY,
    });
    expect(estimateMedian([7, 1, 2, 3, 4, 5, 6])).toEqual({ median: 4, low: 1, high: 7 });
    expect(estimateMedian([9, 8, 7, 6, 5, 4, 3, 2, 1])).toEqual({ median: 5, low: 2, high: 8 });
  });

  it('interpolates quantiles', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
    expect(quantile([], 0.5)).toBeNaN();
  });

  it('calls a difference within the noise unproven', () => {
    const estimate = { median: 1.2, low: 1.1, high: 1.4 };
    expect(judge(estimate, { atMost: 1.3 })).toBe('unproven');
    expect(judge(estimate, { atMost: 1.4 })).toBe('met');
    expect(judge(estimate, { atMost: 1 })).toBe('missed');
    expect(judge(estimate, { atLeast: 1.2 })).toBe('unproven');
    expect(judge(estimate, { atLeast: 1.1 })).toBe('met');
    expect(judge(estimate, { atLeast: 2 })).toBe('missed');
  });

  it('compares round by round, and leaves out rounds in which one of them failed', () => {
    const [value, base] = [measured('a', [2, null, 6, 8]), measured('b', [1, 1, null, 2])];
    expect(ratioOf(value, base).median).toBe(3);
    const nothing = ratioGoal('g', { value: measured('a', [null]), base, bound: { atMost: 1 } });
    expect(nothing.verdict).toBe('not measured');
  });

  it('judges an excess by its rounds, and a tail by a hundred of them at least', () => {
    const many = (count: number, value: number) => Array.from({ length: count }, () => value);
    const judged = (count: number, value: number) => {
      const pair = {
        value: measured('a', many(count, value)),
        base: measured('b', many(count, 30)),
        atMostMs: 10,
      };
      return [excessGoal('g', pair).verdict, tailGoal('g', pair).verdict];
    };
    expect(judged(100, 35)).toEqual(['met', 'met']);
    expect(judged(100, 50)).toEqual(['missed', 'missed']);
    expect(judged(5, 35)).toEqual(['unproven', 'unproven']);
    expect(judged(0, 35)).toEqual(['not measured', 'not measured']);
  });
});

describe('turns', () => {
  it('begin each round with another way', async () => {
    const order: string[] = [];
    const way = (name: string): Way => ({
      name,
      what: '',
      run: async (round) => {
        order.push(`${name}${round}`);
        return { value: 1, faults: [] };
      },
    });
    await takeTurns({ ways: [way('a'), way('b')], rounds: 2 });
    expect(order).toEqual(['a-1', 'b-1', 'b0', 'a0', 'a1', 'b1']);
  });

  it('count what was wrong or thrown, and give it no time', async () => {
    const wrong: Way = {
      name: 'wrong',
      what: '',
      run: async () => ({ value: 1, faults: ['half of it is missing'] }),
    };
    const broken: Way = {
      name: 'broken',
      what: '',
      run: async () => {
        throw new Error('refused');
      },
    };
    const measurements = await takeTurns({ ways: [wrong, broken], rounds: 1, warmups: 1 });
    expect(measurements.map(({ values }) => values)).toEqual([[null], [null]]);
    expect(measurements.map(({ errors }) => errors)).toEqual([
      ['round -1: half of it is missing', 'round 0: half of it is missing'],
      ['round -1: refused', 'round 0: refused'],
    ]);
  });
});

describe('the schemas', () => {
  it.each(schemaSizes)('have $tables tables with $indexes indexes', (size) => {
    const sql = schemaSql(size);
    expect(sql.match(/CREATE TABLE/g)).toHaveLength(size.tables);
    expect(sql.match(/PRIMARY KEY|CREATE INDEX/g)).toHaveLength(size.indexes);
  });
});

describe('the page', () => {
  it('shows errors beside the times, and the distance to the floor', () => {
    const [way, floor] = [measured('way', [6, 6]), measured('floor', [2, 2])];
    way.errors.push('lost');
    const page = toMarkdown([
      {
        benchmark: { id: 'P0', title: 'Nothing', about: 'Of no matter.' },
        result: {
          id: 'P0',
          title: 'Nothing',
          startedAt: '2026-01-01T00:00:00.000Z',
          mode: 'full',
          machine: {
            processor: 'x',
            cores: 1,
            memoryGiB: 1,
            system: 's',
            node: 'v',
            postgres: '15',
            fsyncMs: 1,
            filesMs: 1,
            loadBefore: 0,
          },
          sections: [{ title: 'T', measurements: [{ ...way, floor: 'floor' }, floor], goals: [] }],
        },
      },
    ]);
    expect(page).toContain('Errors: 1.');
    expect(page).toMatch(/\| way \| 6\.00 ms \| 6\.00 – 6\.00 \| 3\.00 \| 2 \| 1 \|/);
  });
});
