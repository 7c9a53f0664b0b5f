import { type Entry, type Excluded, isAbout, isLeftOut, parseEntry } from './template-lanes.ts';

/**
 * Reads what `pg_restore --list --verbose` printed: the entries that cannot be made without one that is excluded, at
 * whatever remove, with their comments. Each entry stands behind what it depends on.
 */
export function findDependents(list: string, excluded: readonly Excluded[]): Entry[] {
  const missing = new Set<number>();
  const dependents = new Map<number, Entry>();
  let current: Entry | undefined;
  for (const line of list.split('\n')) {
    const entry = parseEntry(line);
    if (entry !== undefined) {
      current = entry;
      if (excluded.some((object) => isAbout(entry, object))) missing.add(entry.id);
      continue;
    }
    const needed =
      line
        .match(/^;\s+depends on: ([\d ]+)$/)?.[1]
        ?.trim()
        .split(' ')
        .map(Number) ?? [];
    if (current === undefined || missing.has(current.id) || !needed.some((id) => missing.has(id))) continue;
    missing.add(current.id);
    dependents.set(current.id, current);
  }
  return [...dependents.values()].filter((entry) => !isLeftOut(entry));
}

/** Those of which somebody is to be told: a comment goes with its object. */
export const isReported = ({ label }: Entry): boolean => !label.startsWith('COMMENT ');

/** How many of them are tables that have rows, or partitions with rows. */
export function countTables(entries: readonly Entry[]): number {
  return entries.filter(({ label }) => /^TABLE (?!ATTACH |DATA )/.test(label)).length;
}
