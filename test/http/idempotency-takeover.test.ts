import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import {
  bindIdempotencyResource,
  claimIdempotencyKey,
} from '../../src/registry/repositories/idempotency-keys.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { gate, quick, useIdempotencyBench } from './idempotency-bench.ts';
import { listen } from './test-app.ts';

failOnLeaks();
const bench = useIdempotencyBench();
const { startApi, post, handle, calls, answerAnew, countKeys } = bench;

describe('a process that dies', () => {
  const scope = 'anyone POST /things';
  const content = JSON.stringify(['POST', '/things', { name: 'a' }]);

  /** What the dead process has left behind. */
  async function leaveClaim(key: string, leaseMs: number) {
    const claim = { scope, key, owner: randomUUID() };
    const requestHmac = bench.masterSeal.hmac(content);
    await claimIdempotencyKey(bench.database(), { ...claim, requestHmac, leaseMs, keepMs: 60_000 });
    return claim;
  }

  it('is followed by a twin as soon as its lease is over, not before', async () => {
    const app = await startApi();
    const key = randomUUID();
    await leaveClaim(key, 500);
    const begun = Date.now();
    expect((await post(app, { key })).statusCode).toBe(201);
    expect(Date.now() - begun).toBeGreaterThanOrEqual(450);
  });

  it('leaves what it had made to the one that takes over', async () => {
    const app = await startApi();
    const [key, made] = [randomUUID(), randomUUID()];
    const dead = await leaveClaim(key, 5_000);
    expect(await bindIdempotencyResource(bench.database(), dead, made)).toBeNull();
    await sql`UPDATE idempotency_keys SET leased_until = now() WHERE key = ${key}`.execute(bench.database());
    let found: string | null | undefined;
    handle(async (request, reply) => {
      if (request.idempotency !== undefined) {
        found = await bindIdempotencyResource(bench.database(), request.idempotency, randomUUID());
      }
      return answerAnew(request, reply);
    });
    await post(app, { key });
    expect(found).toBe(made);
  });

  it('may make nothing any more once another has taken over', async () => {
    const key = randomUUID();
    const slow = await leaveClaim(key, 0);
    const app = await startApi();
    await post(app, { key });
    await expect(bindIdempotencyResource(bench.database(), slow, randomUUID())).rejects.toThrow(/taken/);
  });

  it('does not count as dead while it works, however long that takes', async () => {
    const [one, two] = [await startApi(), await startApi()];
    handle(async (request, reply) => {
      await delay(quick.leaseMs * 3);
      return answerAnew(request, reply);
    });
    const key = randomUUID();
    const first = post(one, { key });
    await expect.poll(() => countKeys(key)).toBe(1);
    expect((await post(two, { key })).body).toBe((await first).body);
    expect(calls()).toBe(1);
  });

  it('and comes back to life in the middle of its work answers that, too', async () => {
    const [one, two] = [await startApi(), await startApi()];
    const key = randomUUID();
    const mayEnd = gate();
    handle(async (request) => {
      const { idempotency } = request;
      handle(answerAnew);
      await mayEnd.promise;
      if (idempotency !== undefined) {
        await bindIdempotencyResource(bench.database(), idempotency, randomUUID());
      }
    });
    const first = post(one, { key });
    await expect.poll(() => countKeys(key)).toBe(1);
    await bench.endLease(key);
    const second = await post(two, { key });
    mayEnd.resolve();
    expect(second.statusCode).toBe(201);
    expect([(await first).statusCode, (await first).body]).toEqual([201, second.body]);
  });

  it('and comes back to life answers what its successor has answered', async () => {
    const [one, two] = [await startApi(), await startApi()];
    const key = randomUUID();
    const mayEnd = gate();
    handle(async (request, reply) => {
      handle(answerAnew);
      await mayEnd.promise;
      return answerAnew(request, reply);
    });
    const first = post(one, { key });
    await expect.poll(() => countKeys(key)).toBe(1);
    await bench.endLease(key);
    const second = await post(two, { key });
    mayEnd.resolve();
    expect(calls()).toBe(1);
    expect((await first).body).toBe(second.body);
    expect((await first).headers['idempotency-replayed']).toBe('true');
  });
});

describe('a caller that goes away', () => {
  it('finds the answer when it asks again', async () => {
    const app = await startApi();
    const mayEnd = gate();
    handle(async (request, reply) => {
      await mayEnd.promise;
      return answerAnew(request, reply);
    });
    const key = randomUUID();
    const url = new URL(`${await listen(app)}/things`);
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const impatient = httpRequest(url, { method: 'POST', headers });
    impatient.on('error', () => undefined).end('{"name":"a"}');
    await expect.poll(() => countKeys(key)).toBe(1);
    impatient.destroy();
    await delay(100);
    mayEnd.resolve();
    const again = await post(app, { key });
    expect([again.statusCode, again.headers['idempotency-replayed']]).toEqual([201, 'true']);
    expect(calls()).toBe(1);
  });
});
