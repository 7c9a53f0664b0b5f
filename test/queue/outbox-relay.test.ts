import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { errors } from '../../src/errors/catalogue.ts';
import { createOutboxRelay, type OutboxRelay } from '../../src/queue/outbox-relay.ts';
import type { SendOutboxRow } from '../../src/queue/outbox-sender.ts';
import { createMessages } from '../../src/registry/messages.ts';
import { insertOutbox, pruneOutbox, withDueOutbox } from '../../src/registry/repositories/outbox.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';
import { captureLog, until } from './captured-log.ts';

failOnLeaks();

const topic = 'queue.run-provisioning';
const unreachable = `The receiver of ${topic} cannot be reached; it is tried again until it can`;
/** So long that only what the test itself causes can be the reason of a delivery. */
const never = 3_600_000;

let registry: TestRegistry;
const relays: OutboxRelay[] = [];
const output = captureLog();

beforeAll(async () => {
  registry = await createTestRegistry();
});

beforeEach(async () => {
  output.lines.splice(0);
  await registry.database.deleteFrom('outbox').execute();
});

afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
});

afterAll(() => registry.drop());

type Settings = {
  send: SendOutboxRow;
  topic?: string;
  intervalMs?: number;
  wake?: (kick: () => void) => () => void;
};

function startRelay({ send, topic: prefix = topic, intervalMs = 100, wake }: Settings): OutboxRelay {
  const relay = createOutboxRelay({
    withDue: (selection, work) => withDueOutbox(registry.database, selection, work),
    prune: () => pruneOutbox(registry.database, { olderThanMs: 0, limit: 10 }),
    send: { [prefix]: send },
    wake: wake ?? (() => () => undefined),
    intervalMs,
    log: output.log,
  });
  relays.push(relay);
  return relay;
}

async function add(numbers: readonly number[], topicOfRow = topic): Promise<void> {
  for (const number of numbers)
    await insertOutbox(registry.database, { topic: topicOfRow, payload: { number } });
}

function numberOf({ payload }: { payload: unknown }): number {
  return (payload as { number: number }).number;
}

async function undelivered(): Promise<number> {
  const rows = await registry.database
    .selectFrom('outbox')
    .select('id')
    .where('deliveredAt', 'is', null)
    .execute();
  return rows.length;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test('delivers every row once, oldest first, more than a batch of them', async () => {
  await add(upTo(120));
  const seen: number[] = [];
  const relay = startRelay({ send: async (row) => void seen.push(numberOf(row)), intervalMs: never });
  relay.kick();
  await until(async () => (await undelivered()) === 0);
  expect(seen).toEqual(upTo(120));
});

test('loses nothing while the receiver is away, and says so in one line', async () => {
  await add(upTo(5));
  const seen: number[] = [];
  let isAway = true;
  let attempts = 0;
  startRelay({
    send: async (row) => {
      attempts += 1;
      if (isAway) throw errors.queueUnavailable();
      seen.push(numberOf(row));
    },
  });
  await until(() => attempts >= 3);
  expect(await undelivered()).toBe(5);
  isAway = false;
  await until(async () => (await undelivered()) === 0);
  // The order is kept only as long as nothing fails: each row waits for its own next attempt.
  expect(seen.toSorted()).toEqual(upTo(5));
  expect(output.complaints()).toEqual([unreachable]);
});

test('notes at a row why it could not be delivered, and tries it less and less often', async () => {
  await add([1]);
  const times: number[] = [];
  startRelay({
    intervalMs: 20,
    send: async () => {
      times.push(Date.now());
      throw errors.queueUnavailable();
    },
  });
  await until(() => times.length === 3);
  const row = await registry.database.selectFrom('outbox').selectAll().executeTakeFirstOrThrow();
  expect(row.attempts).toBeGreaterThanOrEqual(2);
  expect(row.lastError).toContain('The queue does not answer');
  const [first = 0, second = 0, third = 0] = times;
  expect(second - first).toBeGreaterThanOrEqual(500);
  expect(third - second).toBeGreaterThanOrEqual(1_000);
});

test('puts a hopeless row aside and delivers those behind it', async () => {
  await add([1, 2, 3]);
  const seen: number[] = [];
  startRelay({
    send: async (row) => {
      if (numberOf(row) === 1) throw errors.invalidRequest([]);
      seen.push(numberOf(row));
    },
  });
  await until(async () => (await undelivered()) === 1);
  expect(seen).toEqual([2, 3]);
  expect(output.complaints()).toEqual(['Cannot be delivered']);
});

test('leaves rows of which nobody is the receiver, and does not take them again and again', async () => {
  await add([1], 'event.tenant.activated');
  await add([2]);
  const seen: number[] = [];
  const relay = startRelay({ send: async (row) => void seen.push(numberOf(row)), topic: 'queue.' });
  await until(() => seen.length === 1);
  await relay.stop();
  const row = await registry.database
    .selectFrom('outbox')
    .selectAll()
    .where('topic', '=', 'event.tenant.activated')
    .executeTakeFirstOrThrow();
  expect(row).toMatchObject({ deliveredAt: null, attempts: 0 });
  startRelay({ send: async (event) => void seen.push(numberOf(event)), topic: 'event.' });
  await until(() => seen.length === 2);
  expect(seen).toEqual([2, 1]);
});

test('notes what a slow receiver got before the transaction has been silent for too long', async () => {
  await add(upTo(4));
  const seen: number[] = [];
  startRelay({
    send: async (row) => {
      await pause(2_000);
      seen.push(numberOf(row));
    },
  });
  await until(async () => (await undelivered()) < 4);
  expect(seen).toEqual([1, 2, 3]);
  await until(async () => (await undelivered()) === 0);
  expect(seen).toEqual(upTo(4));
});

test('two relays deliver each row once', async () => {
  await add(upTo(150));
  const seen: number[] = [];
  const send: SendOutboxRow = async (row) => {
    await pause(1);
    seen.push(numberOf(row));
  };
  startRelay({ send });
  startRelay({ send });
  await until(async () => (await undelivered()) === 0);
  expect(seen.toSorted((a, b) => a - b)).toEqual(upTo(150));
});

test('a kick delivers at once', async () => {
  const seen: number[] = [];
  const relay = startRelay({ send: async (row) => void seen.push(numberOf(row)), intervalMs: never });
  for (const number of upTo(30)) {
    await add([number]);
    relay.kick();
    relay.kick();
  }
  await until(() => seen.length === 30);
  expect(seen).toEqual(upTo(30));
});

test('a kick is not lost that comes while a batch is under way', async () => {
  const seen: number[] = [];
  const relay = startRelay({
    send: async (row) => {
      seen.push(numberOf(row));
      if (seen.length === 1) await add([2]);
      relay.kick();
    },
    intervalMs: never,
  });
  await add([1]);
  relay.kick();
  await until(() => seen.length === 2);
  expect(seen).toEqual([1, 2]);
});

test('a row that another process adds is delivered by its message', async () => {
  const messages = createMessages({
    login: registry.login,
    applicationName: 'relay test',
    onError: (error) => {
      throw error;
    },
  });
  await messages.start();
  const seen: number[] = [];
  startRelay({
    send: async (row) => void seen.push(numberOf(row)),
    wake: (kick) => messages.on('outbox.added', kick),
    intervalMs: never,
  });
  await add([1]);
  await until(() => seen.length === 1);
  await messages.stop();
});

test('looks by itself at every interval', async () => {
  const seen: number[] = [];
  startRelay({ send: async (row) => void seen.push(numberOf(row)), intervalMs: 50 });
  await add([1]);
  await until(() => seen.length === 1);
});

test('stopping waits for the batch at hand', async () => {
  await add([1]);
  let isSent = false;
  let isTaken = false;
  const relay = startRelay({
    send: async () => {
      isTaken = true;
      await pause(300);
      isSent = true;
    },
  });
  await until(() => isTaken);
  await relay.stop();
  expect(isSent).toBe(true);
  expect(await undelivered()).toBe(0);
});

test('goes on after the registry refused', async () => {
  await add([1]);
  const seen: number[] = [];
  let refusals = 0;
  const relay = createOutboxRelay({
    withDue: (selection, work) => {
      if (refusals === 2) return withDueOutbox(registry.database, selection, work);
      refusals += 1;
      throw new Error('The registry is away');
    },
    prune: async () => undefined,
    send: { [topic]: async (row) => void seen.push(numberOf(row)) },
    wake: () => () => undefined,
    intervalMs: 20,
    log: output.log,
  });
  relays.push(relay);
  await until(() => seen.length === 1);
  expect(output.complaints()).toEqual(['The outbox cannot be reached; it is tried again until it can']);
});
