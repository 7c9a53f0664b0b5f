import type { RepairAction } from './finding.ts';

/** What came of one repair; `gone`: there was nothing to mend any more, `busy`: somebody else is at it. */
export type Mended = { outcome: 'done'; actions: RepairAction[] } | { outcome: 'gone' } | { outcome: 'busy' };

export const gone: Mended = { outcome: 'gone' };
export const busy: Mended = { outcome: 'busy' };
export const done = (action: RepairAction): Mended => ({ outcome: 'done', actions: [action] });
