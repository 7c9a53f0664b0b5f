import { sql } from 'kysely';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createMessages, type Messages, publish } from '../../src/registry/messages.ts';
import type { RegistryLogin } from '../../src/registry/registry-database.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';
import { startSilentProxy } from './silent-proxy.ts';

failOnLeaks();

const applicationName = 'messages under test';
let registry: TestRegistry;
let started: Messages[] = [];
let errors: string[] = [];

beforeAll(async () => {
  registry = await createTestRegistry();
});

afterEach(async () => {
  for (const messages of started) await messages.stop();
  started = [];
  errors = [];
});

afterAll(() => registry.drop());

async function listen(login: RegistryLogin = registry.login, everyMs = 60_000) {
  const messages = createMessages({
    login,
    applicationName,
    onError: ({ message }) => errors.push(message),
    pulse: { everyMs, answerWithinMs: everyMs / 2 },
  });
  started.push(messages);
  const users: string[] = [];
  messages.on('sessions.changed', ({ userId }) => users.push(userId));
  let reconnections = 0;
  messages.onReconnect(() => {
    reconnections++;
  });
  await messages.start();
  return { messages, users, reconnections: () => reconnections };
}

const say = (userId: string) => publish(registry.database, { kind: 'sessions.changed', userId });
const notify = (payload: string) =>
  sql`SELECT pg_notify('tm_messages', ${payload})`.execute(registry.database);

async function listeningPids(): Promise<number[]> {
  const { rows } = await sql<{ pid: number }>`
    SELECT pid FROM pg_stat_activity
     WHERE application_name = ${applicationName} AND datname = current_database()`.execute(registry.database);
  return rows.map(({ pid }) => pid);
}

async function terminateListeners(): Promise<void> {
  for (const pid of await listeningPids())
    await sql`SELECT pg_terminate_backend(${pid})`.execute(registry.database);
}

describe('what is no message', () => {
  it.each([
    ['no JSON', 'hello'],
    ['nothing', ''],
    ['null', 'null'],
    ['another kind', '{"kind":"tenant.exploded"}'],
    ['a kind of Object.prototype', '{"kind":"constructor"}'],
    ['a member of another type', '{"kind":"sessions.changed","userId":7}'],
    ['a member too few', '{"kind":"sessions.changed"}'],
  ])('is reported and dropped: %s', async (_, payload) => {
    const { users } = await listen();
    await notify(payload);
    await say('after it');
    await expect.poll(() => users).toEqual(['after it']);
    expect(errors).toEqual(['Something that is no message was sent to tm_messages; it is dropped']);
  });
});

it('hears on when a handler throws, and the other handlers do as well', async () => {
  const { messages, users } = await listen();
  messages.on('sessions.changed', () => {
    throw new Error('a handler failed');
  });
  const others: string[] = [];
  messages.on('sessions.changed', ({ userId }) => others.push(userId));
  await say('one');
  await say('two');
  await expect.poll(() => others).toEqual(['one', 'two']);
  expect(users).toEqual(['one', 'two']);
  expect(errors).toEqual(['a handler failed', 'a handler failed']);
});

it('hears again after its connection broke, says so, and has one connection', async () => {
  const { messages, users, reconnections } = await listen();
  for (let round = 1; round <= 3; round++) {
    await terminateListeners();
    await expect.poll(reconnections).toBe(round);
  }
  expect(messages.isConnected()).toBe(true);
  await say('again');
  await expect.poll(() => users).toEqual(['again']);
  expect(await listeningPids()).toHaveLength(1);
});

it('begins with its shortest pause again after it was connected', async () => {
  const { reconnections } = await listen();
  const timers = vi.spyOn(globalThis, 'setTimeout');
  for (let round = 1; round <= 4; round++) {
    await terminateListeners();
    await expect.poll(reconnections).toBe(round);
  }
  const pauses = timers.mock.calls.map(([, pause]) => pause).filter((pause) => (pause ?? 0) % 200 === 0);
  timers.mockRestore();
  expect(pauses.filter((pause) => pause === 200)).toHaveLength(4);
  expect(pauses).not.toContain(800);
});

it('leaves no connection behind when LISTEN fails', async () => {
  const { host, port } = registry.login;
  const proxy = await startSilentProxy({ host, port, silentAfter: 'LISTEN' });
  const { messages } = await listen({ ...registry.login, host: proxy.host, port: proxy.port }, 100);
  await expect.poll(() => errors.length).toBeGreaterThan(2);
  expect(messages.isConnected()).toBe(false);
  await messages.stop();
  await expect.poll(proxy.openConnections).toBe(0);
  await proxy.close();
});

describe('a server that vanishes without a word', () => {
  it('is noticed, and another connection is made', async () => {
    const proxy = await startSilentProxy(registry.login);
    const { host, port } = proxy;
    const { messages, users, reconnections } = await listen({ ...registry.login, host, port }, 400);
    proxy.silence();
    await expect.poll(() => messages.isConnected(), { interval: 10 }).toBe(false);
    await expect.poll(reconnections).toBe(1);
    await say('heard again');
    await expect.poll(() => users).toEqual(['heard again']);
    expect(errors[0]).toBe('Query read timeout');
    await messages.stop();
    await proxy.close();
  });
});

it('does not connect any more once it is stopped', async () => {
  const { messages } = await listen();
  await messages.stop();
  await messages.start();
  expect(messages.isConnected()).toBe(false);
  expect(await listeningPids()).toEqual([]);
});
