import { createQueryId, type RootOperationNode, sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type DueOutbox,
  insertOutbox,
  pruneOutbox,
  withDueOutbox,
} from '../../src/registry/repositories/outbox.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

failOnLeaks();

const all = { topics: ['queue.', 'event.'], limit: 100 };
let registry: TestRegistry;

beforeAll(async () => {
  registry = await createTestRegistry();
});

beforeEach(async () => {
  await registry.database.deleteFrom('outbox').execute();
});

afterAll(() => registry.drop());

async function add(numbers: readonly number[], topic = 'queue.test'): Promise<void> {
  for (const number of numbers) await insertOutbox(registry.database, { topic, payload: { number } });
}

function numbersOf(rows: readonly { payload: unknown }[]): number[] {
  return rows.map(({ payload }) => (payload as { number: number }).number);
}

function take<Result>(work: (due: DueOutbox) => Promise<Result>, selection = all): Promise<Result> {
  return withDueOutbox(registry.database, selection, work);
}

const dueNumbers = (selection = all) => take(async ({ rows }) => numbersOf(rows), selection);

async function storedNumbers(): Promise<number[]> {
  return numbersOf(await registry.database.selectFrom('outbox').select('payload').orderBy('id').execute());
}

test('keeps the names within a payload, and gives each row an id of its own', async () => {
  const payload = { tenant_id: 'a', deep: { some_name: 1, otherName: [2] } };
  await insertOutbox(registry.database, { topic: 'event.test', payload });
  await insertOutbox(registry.database, { topic: 'event.test', payload });
  const rows = await take(async (due) => due.rows);
  expect(rows.map((row) => row.payload)).toEqual([payload, payload]);
  expect(new Set(rows.map(({ eventId }) => eventId)).size).toBe(2);
  expect(rows[0]?.eventId).toMatch(/^[0-9a-f-]{14}7/);
});

test('keeps nothing of a transaction that is rolled back', async () => {
  const rollback = registry.database.transaction().execute(async (transaction) => {
    await insertOutbox(transaction, { topic: 'queue.test', payload: { number: 1 } });
    throw new Error('rolled back');
  });
  await expect(rollback).rejects.toThrow('rolled back');
  await expect(storedNumbers()).resolves.toEqual([]);
});

test('gives the oldest first, up to the limit, of the topics asked for', async () => {
  await add([1, 2], 'event.test');
  await add([3, 4, 5]);
  await expect(dueNumbers({ topics: ['queue.'], limit: 2 })).resolves.toEqual([3, 4]);
  await expect(dueNumbers({ topics: ['queue.', 'event.'], limit: 3 })).resolves.toEqual([1, 2, 3]);
  await expect(dueNumbers({ topics: ['queue_'], limit: 3 })).resolves.toEqual([]);
  await expect(dueNumbers({ topics: [], limit: 3 })).resolves.toEqual([]);
});

test('gives nobody else the rows that are at work', async () => {
  await add([1, 2, 3]);
  await take(
    async ({ rows }) => {
      expect(numbersOf(rows)).toEqual([1, 2]);
      await expect(dueNumbers()).resolves.toEqual([3]);
    },
    { ...all, limit: 2 },
  );
});

test('what was delivered or postponed is not due, and all is as before when the work fails', async () => {
  await add([1, 2, 3]);
  const work = async ({ rows, markDelivered, postpone }: DueOutbox) => {
    const [first = 0, second = 0] = rows.map(({ id }) => id);
    await markDelivered([first]);
    await postpone([second], { delayMs: 60_000, error: 'no answer' });
  };
  const failing = take(async (due) => {
    await work(due);
    throw new Error('failed');
  });
  await expect(failing).rejects.toThrow('failed');
  await expect(dueNumbers()).resolves.toEqual([1, 2, 3]);
  await take(work);
  await expect(dueNumbers()).resolves.toEqual([3]);
  const stored = await registry.database.selectFrom('outbox').selectAll().orderBy('id').execute();
  expect(stored).toMatchObject([
    { attempts: 0, deliveredAt: expect.any(Date), lastError: null },
    { attempts: 1, deliveredAt: null, lastError: 'no answer' },
    { attempts: 0, deliveredAt: null },
  ]);
});

test('a postponement without error is no attempt, and ends', async () => {
  await add([1]);
  await take(({ rows, postpone }) =>
    postpone(
      rows.map(({ id }) => id),
      { delayMs: 50 },
    ),
  );
  await expect.poll(() => dueNumbers(), { timeout: 10_000 }).toEqual([1]);
  const [row] = await take(async ({ rows }) => rows);
  expect(row?.attempts).toBe(0);
});

test('pruning deletes delivered rows only, the oldest first, and no more than the limit', async () => {
  await add([1, 2, 3, 4, 5]);
  await take(({ rows, markDelivered }) => markDelivered(rows.slice(0, 4).map(({ id }) => id)));
  await pruneOutbox(registry.database, { olderThanMs: 60_000, limit: 10 });
  await expect(storedNumbers()).resolves.toEqual([1, 2, 3, 4, 5]);
  await pruneOutbox(registry.database, { olderThanMs: 0, limit: 3 });
  await expect(storedNumbers()).resolves.toEqual([4, 5]);
  await pruneOutbox(registry.database, { olderThanMs: 0, limit: 3 });
  await expect(storedNumbers()).resolves.toEqual([5]);
});

test('a look passes over no events, however many wait', async () => {
  await sql`
    INSERT INTO outbox (event_id, topic, payload)
    SELECT gen_random_uuid(), 'event.test', '{}' FROM generate_series(1, 100000)`.execute(registry.database);
  await add([1, 2, 3]);
  await sql`ANALYZE outbox`.execute(registry.database);
  const { Plan: plan } = await explainLook({ topics: ['queue.test', 'queue.other'], limit: 50 });
  const scans = plansIn(plan).filter(({ 'Node Type': type }) => type.includes('Scan'));
  expect(scans).toMatchObject([{ 'Node Type': 'Index Scan', 'Index Name': 'outbox_due', 'Actual Rows': 3 }]);
  expect(scans[0]?.['Rows Removed by Filter'] ?? 0).toBe(0);
  await registry.database.deleteFrom('outbox').execute();
});

type Plan = {
  'Node Type': string;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
};

const plansIn = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(plansIn)];

/** How the server carries out the very statement that a look sends. */
async function explainLook(selection: { topics: readonly string[]; limit: number }): Promise<{ Plan: Plan }> {
  const statements: RootOperationNode[] = [];
  const watched = registry.database.withPlugin({
    transformQuery: ({ node }) => {
      statements.push(node);
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  await withDueOutbox(watched, selection, async () => undefined);
  const [look] = statements;
  if (look === undefined) throw new Error('The look sent no statement.');
  const { sql: text, parameters } = registry.database.getExecutor().compileQuery(look, createQueryId());
  const client = new pg.Client(registry.login);
  await client.connect();
  const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`, [...parameters]);
  await client.end();
  return rows[0]['QUERY PLAN'][0];
}
