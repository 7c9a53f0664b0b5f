import type { Directness } from '../../databases/pooler.ts';
import { type Check, ok, problem, warning } from './check.ts';

type Place = { subject: string; variable: string };

/** Session locks and LISTEN need one session from beginning to end. */
export function checkDirectness(check: string, { subject, variable }: Place, directness: Directness): Check {
  const remedy = `Give ${variable} the address of PostgreSQL itself.`;
  switch (directness) {
    case 'direct':
      return ok({ check, subject, detail: 'Connections lead to PostgreSQL itself.' });
    case 'session-pooler':
      return warning({
        check,
        subject,
        detail:
          'A connection pooler answers in between. It keeps sessions whole, so that nothing is lost yet, and helps nobody: the platform pools by itself.',
        remedy,
      });
    case 'transaction-pooler':
      return problem({
        check,
        subject,
        detail:
          'A connection pooler in transaction mode answers in between: locks protect nothing there, and messages do not arrive.',
        remedy,
      });
  }
}
