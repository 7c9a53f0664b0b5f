import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLeasedValues } from '../../src/cache/leased-values.ts';
import { createOutageGuard } from '../../src/cache/outage-guard.ts';
import { awaitAnswer, connectRedis, type RedisClient } from '../../src/queue/link-to-redis.ts';
import { createMasterSeal } from '../../src/registry/master-seal.ts';
import type { ResolvedTenant } from '../../src/routing/resolved-tenant.ts';
import { createSharedTenants, sharedTtlMs } from '../../src/routing/shared-tenants.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';

const tenant = (slug: string, id = 'id-1'): ResolvedTenant => ({
  id,
  slug,
  name: slug,
  status: 'active',
  plan: 'free',
  userAccess: 'write',
  database: undefined,
});
const [before, after] = [tenant('before'), tenant('after')];
const masterSeal = createMasterSeal('a master key of this test');

let redis: TestRedis;
let clients: RedisClient[];
beforeEach(async () => {
  redis = await startTestRedis();
  clients = [];
});
afterEach(async () => {
  for (const client of clients) client.disconnect();
  await redis.stop();
});

async function startProcess(seal = masterSeal) {
  const client = connectRedis({ url: redis.url }, 'producer');
  client.on('error', () => undefined);
  clients.push(client);
  await awaitAnswer(client);
  const ask = createOutageGuard({ onFailed: () => undefined, onRecovered: () => undefined, pauseMs: 100 });
  const values = createLeasedValues({ redis: client, name: 'tenant', ttlMs: sharedTtlMs });
  return { client, tenants: createSharedTenants({ values, ask, masterSeal: seal }) };
}

/** A registry that says how often it was read. */
function registry(answer: ResolvedTenant | undefined) {
  let reads = 0;
  return {
    read: async () => {
      reads += 1;
      return answer;
    },
    reads: () => reads,
  };
}

const untilFilled = (client: RedisClient) =>
  expect.poll(() => client.exists('tm:tenant:{id-1}'), { interval: 5 }).toBe(1);

describe('tenants that processes share', () => {
  test('are read from the registry by one of them', async () => {
    const [one, two] = [await startProcess(), await startProcess()];
    expect(await one.tenants.load('id-1', registry(before).read)).toEqual(before);
    await untilFilled(one.client);
    const { read, reads } = registry(after);
    expect(await two.tenants.load('id-1', read)).toEqual(before);
    expect(reads()).toBe(0);
    expect(await one.client.pttl('tm:tenant:{id-1}')).toBeLessThanOrEqual(sharedTtlMs);
  });

  test('are not kept where there is none', async () => {
    const { tenants, client } = await startProcess();
    expect(await tenants.load('id-1', registry(undefined).read)).toBeUndefined();
    expect(await client.exists('tm:tenant:{id-1}')).toBe(0);
  });

  test('are never those that were read before a change and written after it', async () => {
    const [slow, quick] = [await startProcess(), await startProcess()];
    let goOn = (_: ResolvedTenant) => {};
    const held = slow.tenants.load('id-1', () => new Promise((resolve) => (goOn = resolve)));
    await expect.poll(() => slow.client.exists('tm:tenant:{id-1}:lease')).toBe(1);
    quick.tenants.forget('id-1');
    expect(await quick.tenants.load('id-1', registry(after).read)).toEqual(after);
    await untilFilled(quick.client);
    goOn(before);
    await held;
    await slow.client.ping();
    const third = await startProcess();
    expect(await third.tenants.load('id-1', registry(before).read)).toEqual(after);
  });

  test('are looked up again by whoever heard of a change, in this order', async () => {
    const { tenants, client } = await startProcess();
    await tenants.load('id-1', registry(before).read);
    await untilFilled(client);
    tenants.forget('id-1');
    expect(await tenants.load('id-1', registry(after).read)).toEqual(after);
  });

  test('are not asked for as long as messages may have been lost', async () => {
    const { tenants, client } = await startProcess();
    await tenants.load('id-1', registry(before).read);
    await untilFilled(client);
    tenants.distrust();
    expect(await tenants.load('id-1', registry(after).read)).toEqual(after);
  });

  test('are not asked for after a change that Redis could not be told', async () => {
    const { tenants, client } = await startProcess();
    await tenants.load('id-1', registry(before).read);
    await untilFilled(client);
    await redis.pause();
    tenants.forget('id-1');
    expect(await tenants.load('id-1', registry(after).read)).toEqual(after);
    await redis.resume();
    await expect.poll(() => client.ping().catch(() => 'not yet')).toBe('PONG');
    expect(await tenants.load('id-1', registry(after).read)).toEqual(after);
  });
});

describe('what somebody else wrote into Redis', () => {
  const key = 'tm:tenant:{id-1}';
  const sealed = (content: object, owner = 'id-1') =>
    masterSeal.sealText(JSON.stringify(content), { owner, column: 'resolved_tenant' });

  test.each([
    ['garbage', () => 'garbage'],
    ['a tenant in clear', () => JSON.stringify({ at: Date.now(), tenant: before })],
    ['another tenant', () => sealed({ at: Date.now(), tenant: tenant('other', 'id-2') }, 'id-2')],
    ['what was right an hour ago', () => sealed({ at: Date.now() - 3_600_000, tenant: before })],
  ])('is not believed: %s', async (_what, value) => {
    const { tenants, client } = await startProcess();
    await client.set(key, value());
    expect(await tenants.load('id-1', registry(after).read)).toEqual(after);
  });

  test('is not believed under another master key', async () => {
    const [one, other] = [await startProcess(), await startProcess(createMasterSeal('another master key'))];
    await one.tenants.load('id-1', registry(before).read);
    await untilFilled(one.client);
    expect(await other.tenants.load('id-1', registry(after).read)).toEqual(after);
  });

  test('says nothing in clear', async () => {
    const { tenants, client } = await startProcess();
    await tenants.load('id-1', registry(tenant('canary-in-clear')).read);
    await untilFilled(client);
    expect(await client.get(key)).not.toContain('canary-in-clear');
  });
});
