import type { Fingerprint } from './database-server.ts';
import type { FingerprintRow } from './fingerprint.ts';

export type FingerprintDifference = {
  readonly part: keyof Fingerprint;
  readonly kind: string;
  readonly identity: string;
  readonly change: 'missing' | 'unexpected' | 'different';
  readonly expected?: string | null;
  readonly found?: string | null;
};

/** Says in what two databases differ, object by object; empty where their fingerprints are equal. */
export function describeFingerprintDifference(
  expected: readonly FingerprintRow[],
  found: readonly FingerprintRow[],
): FingerprintDifference[] {
  const before = byIdentity(expected);
  const after = byIdentity(found);
  const changed = [...before.values()].flatMap((row) => compare(row, after.get(keyOf(row))));
  const added = [...after.values()].filter((row) => !before.has(keyOf(row)));
  return [...changed, ...added.map((row) => describe(row, { change: 'unexpected', found: row.definition }))];
}

function compare(expected: FingerprintRow, found: FingerprintRow | undefined): FingerprintDifference[] {
  if (found === undefined) return [describe(expected, { change: 'missing', expected: expected.definition })];
  if (found.definition === expected.definition) return [];
  return [
    describe(expected, { change: 'different', expected: expected.definition, found: found.definition }),
  ];
}

type Change = Pick<FingerprintDifference, 'change' | 'expected' | 'found'>;

function describe({ part, kind, identity }: FingerprintRow, change: Change): FingerprintDifference {
  return { part, kind, identity, ...change };
}

function byIdentity(rows: readonly FingerprintRow[]): Map<string, FingerprintRow> {
  return new Map(rows.map((row) => [keyOf(row), row]));
}

function keyOf({ part, kind, identity }: FingerprintRow): string {
  return JSON.stringify([part, kind, identity]);
}
