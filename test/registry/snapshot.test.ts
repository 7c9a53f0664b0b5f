import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createSnapshot } from '../../src/registry/snapshot.ts';

function createCounter(ms: number) {
  let count = 0;
  const read = createSnapshot(async () => {
    count += 1;
    await delay(ms);
    return count;
  });
  return { read, count: () => count };
}

describe('what is costly to count', () => {
  test('is counted once for all who ask meanwhile, and kept for fifty times as long as that took', async () => {
    const { read, count } = createCounter(20);
    const first = await Promise.all([read(), read(), read()]);
    expect(first.map(({ value }) => value)).toEqual([1, 1, 1]);
    expect((await read()).takenAt).toEqual(first[0]?.takenAt);
    expect(count()).toBe(1);
    await delay(1_500);
    expect((await read()).value).toBe(2);
  });

  test('is counted again after a failure, which is kept from nobody', async () => {
    let isBroken = true;
    const read = createSnapshot(async () => {
      if (isBroken) throw new Error('no registry');
      return 'counted';
    });
    await expect(read()).rejects.toThrow('no registry');
    isBroken = false;
    expect((await read()).value).toBe('counted');
  });
});
