import { Queue as BullQueue, type IQueueBackend } from 'bullmq';
import { errors } from '../errors/catalogue.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { BackendLink } from './backend-link.ts';
import { type JobName, type JobPayloads, jobId, jobs } from './jobs.ts';
import { createOutageLog } from './outage-log.ts';
import { keyPrefix, linkTo, type QueueBackend } from './queue-backend.ts';
import { endsWithin, within } from './within.ts';

type Payload = JobPayloads[JobName];
type JobQueue = BullQueue<Payload, void, string, Payload, void, string, IQueueBackend, unknown>;

/** More than the second that connecting or answering may take, so that the cause is told and not the deadline. */
const deadlineMs = 1_500;
const jobNames = Object.keys(jobs) as JobName[];
const countedStates = ['waiting', 'active', 'failed'] as const;
type CountedState = (typeof countedStates)[number];

export type QueueOptions = { backend: QueueBackend; log: Logger };

/** The sending end. It fails soon rather than wait: whoever rings keeps the row that makes them ring again. */
export function createQueue({ backend, log }: QueueOptions) {
  const outage = createOutageLog({ what: 'The queue', log });
  const link = linkTo(backend, { role: 'producer', onError: outage.failed });
  const opening = new Map<JobName, Promise<JobQueue>>();

  function opened(name: JobName): Promise<JobQueue> {
    const known = opening.get(name);
    if (known !== undefined) return known;
    const queue = openQueue({ name, link, onError: outage.failed }).catch((error: unknown) => {
      opening.delete(name);
      throw error;
    });
    opening.set(name, queue);
    return queue;
  }

  async function ask<Answer>(name: JobName, question: (queue: JobQueue) => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await within(deadlineMs, opened(name).then(question));
      outage.recovered();
      return answer;
    } catch (error) {
      throw errors.queueUnavailable().causedBy(error);
    }
  }

  /** @throws errors.queueUnavailable */
  async function countsByJob(): Promise<{ name: JobName; counts: Record<CountedState, number> }[]> {
    return Promise.all(
      jobNames.map(async (name) => {
        const {
          waiting = 0,
          active = 0,
          failed = 0,
        } = await ask(name, (queue) => queue.getJobCounts(...countedStates));
        return { name, counts: { waiting, active, failed } };
      }),
    );
  }

  return {
    /**
     * Tells a worker to look at a row. A ring with the same number as one that BullMQ still keeps does nothing.
     * @throws errors.queueUnavailable after 1.5 s at the latest. The job may have arrived all the same.
     */
    async ring<Name extends JobName>(
      name: Name,
      payload: JobPayloads[Name],
      ringNumber: number,
    ): Promise<void> {
      const data = jobs[name].payload.parse(payload);
      const options = { jobId: jobId(name, data, ringNumber), attempts: 1, stackTraceLimit: 0 };
      await ask(name, (queue) => queue.add(name, data, options));
    },

    countsByJob,

    /** Of all jobs together. @throws errors.queueUnavailable */
    async counts(): Promise<Record<CountedState, number>> {
      const each = await countsByJob();
      const sum = (state: CountedState) => each.reduce((total, { counts }) => total + counts[state], 0);
      return { waiting: sum('waiting'), active: sum('active'), failed: sum('failed') };
    },

    /** Answers within 1.5 s. */
    async isReachable(): Promise<boolean> {
      return endsWithin(deadlineMs, link.check());
    },

    async close(): Promise<void> {
      const queues = await Promise.all([...opening.values()].map((queue) => queue.catch(() => undefined)));
      await endsWithin(deadlineMs, Promise.all([...queues.map((queue) => queue?.close()), link.close()]));
    },
  };
}

export type Queue = ReturnType<typeof createQueue>;

type Opening = { name: JobName; link: BackendLink; onError: (error: Error) => void };

/** BullMQ keeps a failed first connection for ever, so it gets the link only once that has answered. */
async function openQueue({ name, link, onError }: Opening): Promise<JobQueue> {
  await link.check();
  const options = { connection: link.connection, prefix: keyPrefix, skipMetasUpdate: true };
  const queue: JobQueue = new BullQueue(name, options, link.factory);
  queue.on('error', onError);
  try {
    await queue.waitUntilReady();
  } catch (error) {
    await queue.close();
    throw error;
  }
  return queue;
}
