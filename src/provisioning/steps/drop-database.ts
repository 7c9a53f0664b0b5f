import { dropReserved } from '../drop-reserved.ts';
import { type Step, serverDeadlineMs } from '../step.ts';

/** Ends every connection, then removes database and roles. From here on there is no way back. */
export const dropDatabase: Step = {
  name: 'drop-database',
  deadlineMs: serverDeadlineMs,

  run: dropReserved,
};
