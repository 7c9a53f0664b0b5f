import { type IQueueBackend, type Job, type JobProgress, Worker } from 'bullmq';

/** After a fetch that failed. BullMQ tries again at once where the server refuses politely, as at its start. */
const afterFailureMs = 500;

type FetchedJob = Job<unknown, void, string, JobProgress>;

/** BullMQ's worker that does not hammer a server that comes up, and that tells whether fetching works. */
export class PatientWorker extends Worker<unknown, void, string, IQueueBackend, JobProgress, unknown> {
  onFetched: () => void = () => undefined;

  protected override async moveToActive(token: string, name?: string): Promise<FetchedJob> {
    // A wait that ends just at the close would still take a job, which the close then has to wait for.
    if (this.closing !== undefined) return this.nextJobFromJobData();
    try {
      const job = await super.moveToActive(token, name);
      this.onFetched();
      return job;
    } catch (error) {
      await this.delay(afterFailureMs);
      throw error;
    }
  }

  /** For a close that may not wait for running jobs: their locks end, and other workers get them. */
  async abandonJobs(): Promise<void> {
    await this.lockManager.close();
    await this.getBackend().close(true);
  }
}
