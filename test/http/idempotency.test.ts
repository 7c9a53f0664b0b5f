import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { errors } from '../../src/errors/catalogue.ts';
import { deleteExpiredIdempotencyKeys } from '../../src/registry/repositories/idempotency-keys.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { gate, quick, type Send, useIdempotencyBench } from './idempotency-bench.ts';
import { adminKey, inject } from './test-app.ts';

failOnLeaks();
const bench = useIdempotencyBench();
const { startApi, post, handle, calls, answerAnew, countCall, countKeys } = bench;

describe('Idempotency-Key', () => {
  it('replays the stored answer: status, headers and body, under a new request id', async () => {
    const [one, two] = [await startApi(), await startApi()];
    const key = randomUUID();
    const first = await post(one, { key });
    const second = await post(two, { key });
    expect(calls()).toBe(1);
    expect([second.statusCode, second.body]).toEqual([201, first.body]);
    expect(second.headers).toMatchObject({
      location: '/things/1',
      'content-type': first.headers['content-type'],
      'idempotency-replayed': 'true',
    });
    expect(first.headers).not.toHaveProperty('idempotency-replayed');
    expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id']);
  });

  it('gives 100 twins at once, over two processes, one answer of one call', async () => {
    const processes = [await startApi(), await startApi()] as const;
    handle(async (request, reply) => {
      await delay(300);
      return answerAnew(request, reply);
    });
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => post(processes[index % 2 === 0 ? 0 : 1], { key })),
    );
    expect(calls()).toBe(1);
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body)).size).toBe(1);
  });

  it('wakes a waiting twin by message, long before it would look by itself', async () => {
    const slow = { ...quick, lookEveryMs: 60_000, waitMs: 60_000 };
    const [one, two] = [await startApi(slow), await startApi(slow)];
    const mayEnd = gate();
    handle(async (request, reply) => {
      await mayEnd.promise;
      return answerAnew(request, reply);
    });
    const key = randomUUID();
    const first = post(one, { key });
    await expect.poll(() => countKeys(key)).toBe(1);
    const second = post(two, { key });
    await delay(200);
    mayEnd.resolve();
    expect((await second).body).toBe((await first).body);
  });

  it('refuses another body under the same key, while the first runs and after it', async () => {
    const app = await startApi();
    const mayEnd = gate();
    handle(async (request, reply) => {
      await mayEnd.promise;
      return answerAnew(request, reply);
    });
    const key = randomUUID();
    const first = post(app, { key });
    await expect.poll(() => countKeys(key)).toBe(1);
    const during = await post(app, { key, name: 'b' });
    mayEnd.resolve();
    await first;
    const after = await post(app, { key, name: 'b' });
    for (const answer of [during, after]) {
      expect([answer.statusCode, answer.json().code]).toEqual([422, 'idempotency_key_reused']);
    }
    expect(calls()).toBe(1);
  });

  it('is compared by what was sent, not by how it was written', async () => {
    const app = await startApi();
    const key = randomUUID();
    const first = await post(app, { key });
    const spaced = await inject(app, {
      method: 'POST',
      url: '/things',
      payload: '{ "name" : "a" }',
      headers: { 'idempotency-key': key, 'content-type': 'application/json' },
    });
    expect(spaced.body).toBe(first.body);
  });

  it('belongs to its caller: the same key of others is another key', async () => {
    const app = await startApi();
    const key = randomUUID();
    const callers: Send[] = [
      { url: '/things' },
      { url: '/others' },
      { url: '/admin/things', headers: { 'x-admin-key': adminKey } },
      { url: '/member/things', headers: { authorization: 'Bearer user' } },
    ];
    for (const caller of callers) await post(app, { key, ...caller });
    expect(calls()).toBe(callers.length);
  });

  it('means nothing on routes that make nothing', async () => {
    const app = await startApi();
    const key = randomUUID();
    await post(app, { key, url: '/plain' });
    await post(app, { key, url: '/plain' });
    expect(calls()).toBe(2);
  });

  it.each([
    ['empty', ''],
    ['too long', 'k'.repeat(256)],
    ['with a space', 'a b'],
    ['not ASCII', 'k\u00e9y'],
    ['twice', ['a', 'b']],
  ])('is refused when it is %s', async (_name, key) => {
    const app = await startApi();
    const answer = await post(app, { headers: { 'idempotency-key': key } });
    expect([answer.statusCode, answer.json().errors?.[0].path]).toEqual([400, 'Idempotency-Key']);
    expect(calls()).toBe(0);
  });

  it('may have 255 characters', async () => {
    const app = await startApi();
    const key = randomUUID().padEnd(255, 'k');
    expect((await post(app, { key })).body).toBe((await post(app, { key })).body);
  });

  it('tells a twin whose time is over that it is still in progress, with Retry-After', async () => {
    const app = await startApi({ ...quick, waitMs: 300 });
    const mayEnd = gate();
    handle(async (request, reply) => {
      await mayEnd.promise;
      return answerAnew(request, reply);
    });
    const key = randomUUID();
    const first = post(app, { key });
    await expect.poll(() => countKeys(key)).toBe(1);
    const twin = await post(app, { key });
    expect([twin.statusCode, twin.json().code]).toEqual([409, 'idempotency_in_progress']);
    expect(twin.headers).toHaveProperty('retry-after');
    mayEnd.resolve();
    expect((await first).statusCode).toBe(201);
  });
});

describe('what is kept', () => {
  it.each([
    [409, () => errors.slugTaken('acme')],
    [400, () => errors.invalidRequest([{ path: 'name', message: 'is bad' }])],
  ])('a %i of the handler', async (status, makeError) => {
    const app = await startApi();
    handle(async () => {
      countCall();
      throw makeError();
    });
    const key = randomUUID();
    const answers = [await post(app, { key }), await post(app, { key })];
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([status, status]);
    expect(answers[1]?.body).toBe(answers[0]?.body);
    expect(answers[1]?.headers['content-type']).toContain('application/problem+json');
    expect(calls()).toBe(1);
  });

  it.each([
    [500, () => new Error('a bug')],
    [503, () => errors.registrationsFull()],
    [429, () => errors.rateLimited()],
  ])('but no %i: the retry runs at once', async (status, makeError) => {
    const app = await startApi({ ...quick, leaseMs: 60_000 });
    handle(async () => {
      throw makeError();
    });
    const key = randomUUID();
    expect((await post(app, { key })).statusCode).toBe(status);
    handle(answerAnew);
    expect((await post(app, { key })).statusCode).toBe(201);
  });

  it('nothing of what was refused before the handler', async () => {
    const app = await startApi();
    const key = randomUUID();
    const refused = await inject(app, {
      method: 'POST',
      url: '/things',
      payload: { name: 1 },
      headers: { 'idempotency-key': key },
    });
    expect(refused.statusCode).toBe(400);
    expect((await post(app, { key })).statusCode).toBe(201);
  });

  it('is sealed: no part of it can be read in the registry', async () => {
    const app = await startApi();
    const key = randomUUID();
    const { secret } = (await post(app, { key })).json();
    const { rows } = await sql`SELECT k::text AS text FROM idempotency_keys k WHERE key = ${key}`.execute(
      bench.database(),
    );
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toContain(secret);
    expect(JSON.stringify(rows)).not.toContain('/things/1');
  });

  it('is forgotten when it has expired, and then the key is free', async () => {
    const app = await startApi();
    const [swept, reused] = [randomUUID(), randomUUID()];
    for (const key of [swept, reused]) await post(app, { key });
    await sql`UPDATE idempotency_keys SET expires_at = now() WHERE key IN (${swept}, ${reused})`.execute(
      bench.database(),
    );
    expect((await post(app, { key: reused, name: 'another body' })).json().calls).toBe(3);
    await deleteExpiredIdempotencyKeys(bench.database());
    expect([await countKeys(swept), await countKeys(reused)]).toEqual([0, 1]);
  });
});
