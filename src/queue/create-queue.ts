import { Queue as BullQueue, type IQueueBackend } from 'bullmq';
import { errors } from '../errors/catalogue.ts';
import type { Logger } from '../telemetry/logger.ts';
import { jobs, provisioningJobId, type RunProvisioningPayload } from './jobs.ts';
import { createOutageLog } from './outage-log.ts';
import { keyPrefix, linkTo, type QueueBackend } from './queue-backend.ts';
import { endsWithin, within } from './within.ts';

type JobQueue = BullQueue<
  RunProvisioningPayload,
  void,
  string,
  RunProvisioningPayload,
  void,
  string,
  IQueueBackend,
  unknown
>;

const jobName = 'run-provisioning';
/** More than the second that connecting or answering may take, so that the cause is told and not the deadline. */
const deadlineMs = 1_500;

export type QueueOptions = { backend: QueueBackend; log: Logger };

/** The sending end. It fails soon rather than wait: whoever rings keeps the row that makes them ring again. */
export function createQueue({ backend, log }: QueueOptions) {
  const outage = createOutageLog({ what: 'The queue', log });
  const link = linkTo(backend, { role: 'producer', onError: outage.failed });
  let opening: Promise<JobQueue> | undefined;

  /** BullMQ keeps a failed first connection for ever, so it gets the link only once that has answered. */
  async function open(): Promise<JobQueue> {
    await link.check();
    const options = { connection: link.connection, prefix: keyPrefix, skipMetasUpdate: true };
    const queue: JobQueue = new BullQueue(jobName, options, link.factory);
    queue.on('error', outage.failed);
    try {
      await queue.waitUntilReady();
    } catch (error) {
      await queue.close();
      throw error;
    }
    return queue;
  }

  function opened(): Promise<JobQueue> {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function ask<Answer>(question: (queue: JobQueue) => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await within(deadlineMs, opened().then(question));
      outage.recovered();
      return answer;
    } catch (error) {
      throw errors.queueUnavailable().causedBy(error);
    }
  }

  return {
    /**
     * Tells a worker to look at a run. A ring with the same number as one that BullMQ still keeps does nothing.
     * @throws errors.queueUnavailable after 1.5 s at the latest. The job may have arrived all the same.
     */
    async ring(payload: RunProvisioningPayload, ringNumber: number): Promise<void> {
      const data = jobs[jobName].payload.parse(payload);
      const options = { jobId: provisioningJobId(data, ringNumber), attempts: 1, stackTraceLimit: 0 };
      await ask((queue) => queue.add(jobName, data, options));
    },

    /** @throws errors.queueUnavailable */
    async counts(): Promise<{ waiting: number; active: number; failed: number }> {
      const {
        waiting = 0,
        active = 0,
        failed = 0,
      } = await ask((queue) => queue.getJobCounts('waiting', 'active', 'failed'));
      return { waiting, active, failed };
    },

    /** Answers within 1.5 s. */
    async isReachable(): Promise<boolean> {
      return endsWithin(deadlineMs, link.check());
    },

    async close(): Promise<void> {
      const queue = await opening?.catch(() => undefined);
      await endsWithin(deadlineMs, Promise.all([queue?.close(), link.close()]));
    },
  };
}

export type Queue = ReturnType<typeof createQueue>;
