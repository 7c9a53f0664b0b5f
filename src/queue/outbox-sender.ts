import { ZodError } from 'zod';
import { AppError } from '../errors/app-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createOutageLog } from './outage-log.ts';

export type OutboxRow = { id: number; eventId: string; topic: string; payload: unknown; attempts: number };

/** Rows that are ours until the end of the transaction in which they were taken. */
export type OutboxBatch = {
  rows: readonly OutboxRow[];
  markDelivered: (ids: readonly number[]) => Promise<void>;
  postpone: (ids: readonly number[], by: { delayMs: number; error?: string }) => Promise<void>;
};

export type SendOutboxRow = (row: OutboxRow) => Promise<void>;

export type OutboxSenderOptions = { topic: string; sendRow: SendOutboxRow; log: Logger };

type Failure = { delayMs: number; error: string; isHopeless: boolean };

const firstDelayMs = 500;
/** Whoever comes back finds what waited for it within this time. */
const longestDelayMs = 5_000;
/** For a row that can never be delivered as it is: it stays to be seen, and hinders no other. */
const hopelessDelayMs = 3_600_000;
const longestErrorText = 500;
/** What was delivered is noted at the end of the batch, and a transaction that says nothing for long is ended. */
const longestBatchMs = 5_000;

/** Sends the rows of one topic, and remembers for the log whether their receiver is there. */
export function createOutboxSender({ topic, sendRow, log }: OutboxSenderOptions) {
  const outage = createOutageLog({ what: `The receiver of ${topic}`, log });

  async function attempt(row: OutboxRow): Promise<Failure | undefined> {
    try {
      await sendRow(row);
      outage.recovered();
      return undefined;
    } catch (error) {
      const isHopeless = isHopelessError(error);
      if (isHopeless) log.error({ err: error, outbox_id: row.id, topic: row.topic }, 'Cannot be delivered');
      else outage.failed(error);
      const delayMs = isHopeless
        ? hopelessDelayMs
        : Math.min(firstDelayMs * 2 ** row.attempts, longestDelayMs);
      return { delayMs, isHopeless, error: String(error).slice(0, longestErrorText) };
    }
  }

  return {
    topic,

    /**
     * One after another; at the first failure the rest waits too. After that the order is no longer promised.
     * What a slow receiver leaves no time for is as due as before.
     */
    async deliver(rows: readonly OutboxRow[], batch: OutboxBatch): Promise<'delivered' | 'jammed'> {
      const delivered: number[] = [];
      let jam: Failure | undefined;
      const endsAt = performance.now() + longestBatchMs;
      for (const [index, row] of rows.entries()) {
        if (performance.now() > endsAt || jam !== undefined) break;
        const failure = await attempt(row);
        if (failure === undefined) delivered.push(row.id);
        else jam = await putOff(rows.slice(index), failure, batch);
      }
      await batch.markDelivered(delivered);
      return jam ? 'jammed' : 'delivered';
    },
  };
}

/** @returns what is in the way of the other rows as well; they wait as long as the first, and have not failed. */
async function putOff(
  [row, ...others]: readonly OutboxRow[],
  failure: Failure,
  batch: OutboxBatch,
): Promise<Failure | undefined> {
  if (row !== undefined) await batch.postpone([row.id], failure);
  if (failure.isHopeless) return undefined;
  await batch.postpone(
    others.map(({ id }) => id),
    { delayMs: failure.delayMs },
  );
  return failure;
}

function isHopelessError(error: unknown): boolean {
  return error instanceof ZodError || (error instanceof AppError && error.retry === 'never');
}
