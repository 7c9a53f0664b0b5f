import { expect, test } from 'vitest';
import { createSetbacks } from '../../src/reconcile/setbacks.ts';

const minute = 60_000;

test('a repair that fails is tried after one minute, two, four, and each hour in the end', () => {
  let now = 0;
  const setbacks = createSetbacks(() => now);
  const pauses = Array.from({ length: 9 }, () => {
    const begun = now;
    setbacks.noteFailure('a role', 'It is in use.');
    while (setbacks.reasonToWait('a role') !== undefined) now += minute;
    return (now - begun) / minute;
  });
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  expect(setbacks.reasonToWait('another role')).toBeUndefined();
});

test('it is news once, and again when it fails for another reason or after it was mended', () => {
  const setbacks = createSetbacks(() => 0);
  const fail = (why: string) => setbacks.noteFailure('a role', why);
  expect([fail('It is in use.'), fail('It is in use.'), fail('It owns a table.')]).toEqual([
    true,
    false,
    true,
  ]);
  setbacks.keepOnly(new Set(['a role']));
  expect(setbacks.reasonToWait('a role')).toContain('It owns a table.');
  setbacks.keepOnly(new Set());
  expect(setbacks.reasonToWait('a role')).toBeUndefined();
  expect(fail('It owns a table.')).toBe(true);
});
