import type { Run } from './admin-api.ts';
import type { Session } from './session.ts';
import { waitUntilEnded } from './wait-until-ended.ts';

type Waited = {
  provisioningId: string;
  /** Milliseconds since the epoch. */
  deadline: number;
  /** What is being done, for the progress line. */
  doing: string;
};

/** Follows a run. @returns the last state seen; undefined if there was none. */
export async function waitForRun(
  session: Session,
  { provisioningId, deadline, doing }: Waited,
): Promise<Run | undefined> {
  return waitUntilEnded(session, {
    read: async () => (await session.api.readRun(provisioningId)).value,
    deadline,
    describe: (run) => progressLine(doing, run),
  });
}

function progressLine(doing: string, run: Run | undefined): string {
  const percent = run?.progress === undefined ? '' : ` ${run.progress} %`;
  const step = run?.current_step ? ` · ${run.current_step.replaceAll('-', ' ')}` : '';
  return `${doing} …${percent}${step}`;
}
