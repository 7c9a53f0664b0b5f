import type { RepairAction } from './finding.ts';

/** What came of one repair; `gone`: there was nothing to mend any more, `busy`: somebody else is at it. */
export type Mended =
  | { outcome: 'done'; actions: RepairAction[] }
  | { outcome: 'gone' }
  | { outcome: 'busy' }
  /** `actions` helped all the same. */
  | { outcome: 'failed'; actions: RepairAction[]; detail: string };

export const gone: Mended = { outcome: 'gone' };
export const busy: Mended = { outcome: 'busy' };
export const done = (action: RepairAction): Mended => ({ outcome: 'done', actions: [action] });

/** What was done and looked at again, and is as it was. */
export function unchanged(left: readonly { detail: string }[], helped: RepairAction[] = []): Mended {
  const details = [...new Set(left.map(({ detail }) => detail))].join(' ');
  return { outcome: 'failed', actions: helped, detail: `It was done, and has not helped: ${details}` };
}
