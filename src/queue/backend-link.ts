import type { BackendFactory, IQueueBackend } from 'bullmq';

/** A producer must answer its caller in time; a worker waits until the backend is back. */
export type LinkRole = 'producer' | 'worker';

export type LinkOptions = { role: LinkRole; onError: (error: Error) => void };

/** The connections of one queue or worker, opened and closed by us and lent to BullMQ. */
export type BackendLink = {
  factory: BackendFactory<IQueueBackend, unknown>;
  connection: unknown;
  /** Rejects within about a second when the backend does not answer or lacks its schema. */
  check(): Promise<void>;
  close(): Promise<void>;
};
