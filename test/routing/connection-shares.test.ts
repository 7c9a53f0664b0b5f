import { describe, expect, test } from 'vitest';
import { nextShare, type ProcessShare } from '../../src/routing/connection-shares.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

type Part = Partial<ProcessShare> & { processId: string };
const share = (part: Part): ProcessShare => ({ allowance: 0, demand: 0, isFixed: false, ...part });
const ask = (processId: string, total: number, parts: Part[]) =>
  nextShare({ total, processId, shares: parts.map(share) }).limit;

describe('a process’s share of a server’s budget', () => {
  test('is everything where nobody else is', () => {
    expect(ask('a', 40, [{ processId: 'a', demand: 3 }])).toBe(40);
  });

  test('is not lowered for others who have what they ask for', () => {
    const parts = [
      { processId: 'a', allowance: 38, demand: 1 },
      { processId: 'b', allowance: 2, demand: 2 },
    ];
    expect(ask('a', 40, parts)).toBe(38);
    expect(ask('b', 40, parts)).toBe(2);
  });

  test('goes down to the fair part where others ask in vain, and theirs up into what is free then', () => {
    const before = [
      { processId: 'a', allowance: 40, demand: 40 },
      { processId: 'b', allowance: 0, demand: 9 },
    ];
    expect(ask('b', 40, before)).toBe(0);
    expect(ask('a', 40, before)).toBe(31);
    const after = [
      { processId: 'a', allowance: 31, demand: 40 },
      { processId: 'b', allowance: 0, demand: 9 },
    ];
    expect(ask('b', 40, after)).toBe(9);
  });

  test('is equal where all ask for more than there is', () => {
    const parts = ['a', 'b', 'c'].map((processId) => ({ processId, allowance: 0, demand: 100 }));
    const limits = parts.map(({ processId }, index) => {
      const limit = ask(processId, 40, parts);
      parts[index] = { processId, allowance: limit, demand: 100 };
      return limit;
    });
    expect(limits.reduce((sum, limit) => sum + limit)).toBe(40);
    expect(Math.max(...limits) - Math.min(...limits)).toBeLessThan(2);
  });

  test('leaves out what workers need, whatever the others ask for', () => {
    const parts = [
      { processId: 'worker', allowance: 12, demand: 12, isFixed: true },
      { processId: 'a', allowance: 0, demand: 100 },
    ];
    expect(ask('a', 40, parts)).toBe(28);
  });

  test('shrinks with the budget', () => {
    const parts = [
      { processId: 'a', allowance: 20, demand: 2 },
      { processId: 'b', allowance: 20, demand: 20 },
    ];
    expect(ask('a', 22, parts)).toBe(2);
    expect(ask('b', 22, parts)).toBe(20);
  });
});

test('whatever is asked in whatever order: no raise exceeds the total, and who asks alone gets what it asks for', () => {
  const random = createSeededRandom(20_261_121).below;
  for (let game = 0; game < 300; game += 1) {
    const total = 1 + random(60);
    const parts = Array.from({ length: 1 + random(5) }, (_, index) => share({ processId: `p${index}` }));
    for (let turn = 0; turn < 60; turn += 1) {
      const index = random(parts.length);
      const own = { ...(parts[index] as ProcessShare), demand: random(80) };
      parts[index] = own;
      const { limit } = nextShare({ total, shares: parts, processId: own.processId });
      parts[index] = { ...own, allowance: limit };
      expect(parts.reduce((sum, { allowance }) => sum + allowance, 0)).toBeLessThanOrEqual(total);
    }
    // Everybody but one falls silent: after one round it has all that it asks for.
    const last = parts.length - 1;
    for (const [index, part] of parts.entries())
      parts[index] = { ...part, demand: index === last ? total : 0 };
    for (const [index, part] of parts.entries()) {
      parts[index] = {
        ...part,
        allowance: nextShare({ total, shares: parts, processId: part.processId }).limit,
      };
    }
    expect(parts[last]?.allowance).toBe(total);
  }
});
