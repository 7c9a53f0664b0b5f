import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, WaitingError } from 'bullmq';
import type { Logger } from '../telemetry/logger.ts';
import type { BackendLink } from './backend-link.ts';
import { type JobName, type JobPayloads, jobs } from './jobs.ts';
import { createOutageLog } from './outage-log.ts';
import { PatientWorker } from './patient-worker.ts';
import { keyPrefix, linkTo, type QueueBackend } from './queue-backend.ts';
import { endsWithin } from './within.ts';

export type QueueWorkerOptions<Name extends JobName> = {
  name: Name;
  backend: QueueBackend;
  /** Jobs at once in this process. */
  concurrency: number;
  /** `signal` is aborted when the job's lock is lost, so that another worker may have the job too, and at close. */
  handle: (payload: JobPayloads[Name], context: { jobId: string; signal: AbortSignal }) => Promise<void>;
  log: Logger;
};

export type QueueWorker = {
  /** Takes no more jobs and waits for those that run; what still runs after the grace is told to stop. */
  close: (graceMs: number) => Promise<void>;
};

/**
 * A killed worker's job is somebody else's after at most lock + 2 intervals = 12 s; with BullMQ's defaults it
 * took 62 s. The count of stalls must never end a job: how often a run is tried is counted in the registry.
 */
const stallSettings = { lockDuration: 8_000, stalledInterval: 2_000, maxStalledCount: 10 };
/** Kept for whoever looks into the queue; the registry knows more. */
const retention = {
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 86_400, count: 1_000 },
};
const retryMs = 500;
/** What is left after the grace: time for handlers to notice the signal. */
const abortGraceMs = 1_000;

/** The receiving end. It starts by itself once the backend answers, and comes back when the backend does. */
export function createQueueWorker<Name extends JobName>(options: QueueWorkerOptions<Name>): QueueWorker {
  const { name, backend, concurrency, handle, log } = options;
  const outage = createOutageLog({ what: 'The queue', log });
  const closing = new AbortController();
  const link = linkTo(backend, { role: 'worker', onError: report });
  let worker: PatientWorker | undefined;
  let stopped: Promise<void> | undefined;

  function report(error: Error): void {
    if (closing.signal.aborted || /could not renew lock/.test(error.message)) return;
    if (/^(Missing (lock|key)|Lock mismatch|Job .* is not in the)/.test(error.message)) {
      log.warn({ err: error }, 'The end of a job could not be noted: it is gone, or another worker has it');
    } else outage.failed(error);
  }

  /** What a handler throws may name anything, and what BullMQ stores can be read by others: it gets no word. */
  async function process(job: Job, token?: string, signal?: AbortSignal): Promise<void> {
    const jobId = job.id ?? 'unknown';
    try {
      const payload = jobs[name].payload.parse(job.data);
      await handle(payload, { jobId, signal: signal ?? closing.signal });
    } catch (error) {
      if (closing.signal.aborted && signal?.aborted) return giveBack(job, token);
      log.error({ err: error, job_id: jobId }, 'A job failed');
      throw new Error('failed; the log says why');
    }
  }

  function build(): PatientWorker {
    const built = new PatientWorker(name, process, workerOptions(link, concurrency), link.factory);
    built.onFetched = outage.recovered;
    built.on('error', report);
    built.on('stalled', (jobId) => log.warn({ job_id: jobId }, 'A job came back from a worker that is gone'));
    built.on('lockRenewalFailed', (jobIds) => {
      log.warn({ job_ids: jobIds }, 'The lock of jobs is lost; they are given up here');
      for (const jobId of jobIds) built.cancelJob(jobId, 'lock lost');
    });
    return built;
  }

  /** BullMQ keeps a failed first connection for ever, so each try gets a new worker. */
  async function start(): Promise<void> {
    const closed = once(closing.signal, 'abort').then(() => false);
    while (!closing.signal.aborted) {
      const candidate = await link.check().then(build).catch(report);
      const isReady = await Promise.race([candidate?.waitUntilReady().then(() => true, report), closed]);
      if (candidate && isReady && !closing.signal.aborted) {
        worker = candidate;
        candidate.run().catch(report);
        return;
      }
      await candidate?.abandonJobs().catch(report);
      await sleep(retryMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  }

  const started = start();

  async function stop(graceMs: number): Promise<void> {
    closing.abort();
    await started;
    await closeWithin(worker, graceMs);
    await endsWithin(abortGraceMs, link.close());
  }

  return {
    close(graceMs) {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
}

function workerOptions(link: BackendLink, concurrency: number) {
  return {
    connection: link.connection,
    prefix: keyPrefix,
    autorun: false,
    concurrency,
    runRetryDelay: retryMs,
    ...stallSettings,
    ...retention,
  };
}

async function closeWithin(worker: PatientWorker | undefined, graceMs: number): Promise<void> {
  if (worker === undefined) return;
  const closed = worker.close();
  if (await endsWithin(graceMs, closed)) return;
  worker.cancelAllJobs('shutting down');
  if (await endsWithin(abortGraceMs, closed)) return;
  await endsWithin(abortGraceMs, worker.abandonJobs());
}

/** A job that was told to stop because its worker closes is the next worker's at once. */
async function giveBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}
