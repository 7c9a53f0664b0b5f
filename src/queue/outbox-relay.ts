import type { Logger } from '../telemetry/logger.ts';
import { createOutageLog } from './outage-log.ts';
import { createOutboxSender, type OutboxBatch, type SendOutboxRow } from './outbox-sender.ts';

export type OutboxRelayOptions = {
  /** Takes due rows whose topic begins with one of `topics`, oldest first, in one transaction around `work`. */
  withDue: (
    selection: { topics: readonly string[]; limit: number },
    work: (batch: OutboxBatch) => Promise<boolean>,
  ) => Promise<boolean>;
  /** Deletes some of what was delivered long ago. */
  prune: () => Promise<void>;
  /** By the beginning of the topic; no beginning may begin another. A row for which there is no sender stays as it is. */
  send: Readonly<Record<string, SendOutboxRow>>;
  /** Calls back when another process has added a row; returns how to stop that. */
  wake: (kick: () => void) => () => void;
  intervalMs: number;
  log: Logger;
};

const batchSize = 50;
const pruneIntervalMs = 60_000;

/**
 * Tells what transactions left to be told: at least once, by whichever process comes first, in the order of
 * the rows as long as nothing fails.
 */
export function createOutboxRelay({ withDue, prune, send, wake, intervalMs, log }: OutboxRelayOptions) {
  const topics = Object.keys(send);
  const outage = createOutageLog({ what: 'The outbox', log });
  const deliver = createDelivery(send, log);
  let running: Promise<void> | undefined;
  let isAsked = false;
  let isStopped = false;

  async function run(): Promise<void> {
    try {
      while (isAsked && !isStopped) {
        isAsked = false;
        const isMoreDue = await withDue({ topics, limit: batchSize }, deliver);
        isAsked ||= isMoreDue;
      }
      outage.recovered();
    } catch (error) {
      outage.failed(error);
    } finally {
      running = undefined;
    }
  }

  function kick(): void {
    isAsked = true;
    if (!isStopped) running ??= Promise.resolve().then(run);
  }

  const stopWaking = wake(kick);
  const timers = [
    setInterval(kick, intervalMs),
    setInterval(() => prune().catch(outage.failed), pruneIntervalMs),
  ];

  return {
    /** Looks at once instead of at the next interval; call it right after a commit that added a row. */
    kick,

    /** Finishes the batch at hand. */
    async stop(): Promise<void> {
      isStopped = true;
      stopWaking();
      for (const timer of timers) clearInterval(timer);
      await running;
    },
  };
}

export type OutboxRelay = ReturnType<typeof createOutboxRelay>;

/** @returns a function that handles a batch and answers whether there may be more to do at once. */
function createDelivery(send: OutboxRelayOptions['send'], log: Logger) {
  const senders = Object.entries(send).map(([topic, sendRow]) => createOutboxSender({ topic, sendRow, log }));

  return async (batch: OutboxBatch): Promise<boolean> => {
    let isJammed = false;
    for (const sender of senders) {
      const rows = batch.rows.filter(({ topic }) => topic.startsWith(sender.topic));
      if ((await sender.deliver(rows, batch)) === 'jammed') isJammed = true;
    }
    return batch.rows.length === batchSize && !isJammed;
  };
}
