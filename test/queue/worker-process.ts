import { createInterface } from 'node:readline';
import { createQueueWorker } from '../../src/queue/create-worker.ts';
import type { QueueBackend } from '../../src/queue/queue-backend.ts';
import { captureLog } from './captured-log.ts';

/** A worker whose jobs never end by themselves. Gets its backend as the first line of standard input. */
createInterface({ input: process.stdin }).once('line', (line) => {
  void createQueueWorker({
    name: 'run-provisioning',
    backend: JSON.parse(line) as QueueBackend,
    concurrency: 1,
    handle: async (_payload, { jobId, signal }) => {
      process.stdout.write(`started ${jobId}\n`);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      process.stdout.write(`aborted ${jobId}\n`);
    },
    log: captureLog().log,
  });
});
