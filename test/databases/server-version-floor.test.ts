import { describe, expect, test } from 'vitest';
import { judgeVersion } from '../../src/databases/server-version-floor.ts';

describe('a version of PostgreSQL', () => {
  test.each([
    [140_023, '14.24'],
    [150_018, '15.19'],
    [160_014, '16.15'],
    [170_010, '17.11'],
    [180_005, '18.6'],
  ])('%i is below %s', (versionNum, floor) => {
    expect(judgeVersion(versionNum)).toMatchObject({
      outcome: 'below',
      floor,
      reason: expect.stringContaining('CVE-2026-18408'),
    });
  });

  test.each([140_024, 150_019, 150_020, 160_015, 170_011, 180_006])('%i has what is known', (versionNum) => {
    expect(judgeVersion(versionNum)).toMatchObject({ outcome: 'current', isTried: true, isTooOld: false });
  });

  test('of a major that nobody judged here is not called safe', () => {
    expect(judgeVersion(130_023)).toMatchObject({ outcome: 'unknown', isTried: false, isTooOld: false });
    expect(judgeVersion(190_000)).toMatchObject({ outcome: 'unknown', isTried: false, version: '19.0' });
  });

  test('before 13 is too old', () => {
    expect(judgeVersion(120_022)).toMatchObject({ isTooOld: true });
  });
});
