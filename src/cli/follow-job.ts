import type { z } from 'zod';
import { readData } from './api-answer.ts';
import { Failure } from './failure.ts';
import type { Session } from './session.ts';
import { waitUntilEnded } from './wait-until-ended.ts';

type Followed<Schema extends z.ZodType> = {
  jobId: string;
  /** Milliseconds since the epoch. */
  deadline: number;
  /** For the progress line: `Comparing`. */
  doing: string;
  result: Schema;
};

/**
 * Follows what a worker was asked to do.
 * @returns what came of it; undefined when it is still at it. @throws Failure with what is in the way
 */
export async function followJob<Schema extends z.ZodType>(
  session: Session,
  { jobId, deadline, doing, result }: Followed<Schema>,
): Promise<z.infer<Schema> | undefined> {
  const job = await waitUntilEnded(session, {
    read: async () => (await session.api.findJob(jobId)).value,
    deadline,
    describe: (state) => (state?.status === 'processing' ? `${doing} …` : `${doing} … waiting for a worker`),
  });
  if (job?.status === 'completed') return readData(job.result, result, 200).value;
  if (job?.status !== 'failed' && job?.status !== 'cancelled') return undefined;
  throw new Failure({
    title: 'Not done',
    message: job.error?.message ?? `The job was ${job.status}.`,
    code: job.error?.code,
    hints: [`When the cause is mended: tenant-cli jobs retry ${jobId}`],
  });
}
