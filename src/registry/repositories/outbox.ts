import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { notification } from '../messages.ts';
import { runPrepared } from '../prepared-statements.ts';
import type { RegistryDatabase, RegistryExecutor, RegistryTransaction } from '../registry-database.ts';
import type { JsonObject, JsonValue } from '../tables.generated.ts';

export type OutboxMessage = {
  /** `queue.<job>` for the queue, `event.<noun.verb_in_past>` for those who subscribe. */
  topic: string;
  payload: JsonObject;
};

export type DueOutboxRow = {
  id: number;
  /** The same at each delivery, so that a receiver can tell a repetition. */
  eventId: string;
  topic: string;
  payload: JsonValue;
  attempts: number;
};

export type DueOutbox = {
  rows: DueOutboxRow[];
  markDelivered: (ids: readonly number[]) => Promise<void>;
  postpone: (ids: readonly number[], by: Postponement) => Promise<void>;
};

/** With an error it counts as an attempt. */
export type Postponement = { delayMs: number; error?: string };

/** Call it in the transaction of the change that must be told: both are committed, or neither. */
export async function insertOutbox(executor: RegistryExecutor, message: OutboxMessage): Promise<void> {
  const { topic, payload } = message;
  await executor
    .with('added', (db) =>
      db.insertInto('outbox').values({ eventId: uuidv7(), topic, payload: JSON.stringify(payload) }),
    )
    .selectNoFrom(notification({ kind: 'outbox.added', topic }).as('told'))
    .execute();
}

/**
 * Lends the oldest due rows whose topic begins with one of `topics` to `work`; nobody else gets them until it
 * has ended. When it throws, they are as due as before.
 */
export async function withDueOutbox<Result>(
  database: RegistryDatabase,
  selection: { topics: readonly string[]; limit: number },
  work: (due: DueOutbox) => Promise<Result>,
): Promise<Result> {
  return database.transaction().execute(async (transaction) =>
    work({
      rows: await takeDue(transaction, selection),
      markDelivered: (ids) => markDelivered(transaction, ids),
      postpone: (ids, by) => postpone(transaction, ids, by),
    }),
  );
}

/** Deletes at most `limit` rows that were delivered long ago. */
export async function pruneOutbox(
  executor: RegistryExecutor,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<void> {
  await executor
    .deleteFrom('outbox')
    .where('id', 'in', (old) =>
      old
        .selectFrom('outbox')
        .select('id')
        .where('deliveredAt', '<', sql<Date>`now() - ${olderThanMs} * interval '1 millisecond'`)
        .orderBy('deliveredAt')
        .orderBy('id')
        .limit(limit)
        .forUpdate()
        .skipLocked(),
    )
    .execute();
}

async function takeDue(
  transaction: RegistryTransaction,
  { topics, limit }: { topics: readonly string[]; limit: number },
): Promise<DueOutboxRow[]> {
  const classes = [...new Set(topics.map((topic) => topic.split('.', 1)[0] ?? ''))];
  const [onlyClass, ...others] = classes;
  if (onlyClass === undefined) return [];
  return runPrepared(
    transaction,
    transaction
      .selectFrom('outbox')
      .select(['id', 'eventId', 'topic', 'payload', 'attempts'])
      .where('deliveredAt', 'is', null)
      // With one class the index gives the rows in their order, so that a look ends at its limit.
      .where((row) =>
        others.length === 0 ? row(topicClass, '=', onlyClass) : row(topicClass, 'in', classes),
      )
      .where('notBefore', '<=', inMs(0))
      .where((row) => row.or(topics.map((topic) => sql<boolean>`starts_with(topic, ${topic})`)))
      .orderBy('id')
      .limit(limit)
      .forUpdate()
      .skipLocked(),
  );
}

/** As the index `outbox_due` has it. */
const topicClass = sql<string>`split_part(topic, '.', 1)`;

async function markDelivered(transaction: RegistryTransaction, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await transaction
    .updateTable('outbox')
    .set({ deliveredAt: inMs(0), lastError: null })
    .where('id', '=', sql<number>`any(${ids}::bigint[])`)
    .execute();
}

async function postpone(
  transaction: RegistryTransaction,
  ids: readonly number[],
  { delayMs, error }: Postponement,
): Promise<void> {
  if (ids.length === 0) return;
  await transaction
    .updateTable('outbox')
    .set({ notBefore: inMs(delayMs) })
    .$if(error !== undefined, (update) =>
      update.set((row) => ({ attempts: row('attempts', '+', 1), lastError: error ?? null })),
    )
    .where('id', 'in', ids)
    .execute();
}

/** Not now(), which stands still during a transaction that waits for others. */
function inMs(delayMs: number) {
  return sql<Date>`clock_timestamp() + ${delayMs} * interval '1 millisecond'`;
}
