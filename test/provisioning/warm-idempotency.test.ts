import { randomUUID } from 'node:crypto';
import argon2 from 'argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTenantRequests } from '../../src/provisioning/request-tenant.ts';
import {
  bindIdempotencyResource,
  claimIdempotencyKey,
  type IdempotencyClaim,
} from '../../src/registry/repositories/idempotency-keys.ts';
import type { Bench } from '../support/provisioning-bench.ts';
import { noSchedule } from './template-facts.ts';
import { createWarmBench, listPool, readRun, stopClean, untilWarm, warmsWithinMs } from './warm-bench.ts';

const size = 3;

describe('a registration with an Idempotency-Key that takes a warm database', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createWarmBench(size, { environment: noSchedule });
    await untilWarm(bench, size);
  }, warmsWithinMs);
  afterAll(() => stopClean(bench));

  /** As the API hands it in; whoever has claimed the key dies at once. */
  async function register(name: string, key: string) {
    const claim: IdempotencyClaim = { scope: 'registration', key, owner: randomUUID() };
    const requestHmac = Buffer.from(name);
    const isClaimed = await claimIdempotencyKey(bench.platform.registry, {
      ...claim,
      requestHmac,
      leaseMs: -1_000,
      keepMs: 3_600_000,
    });
    expect(isClaimed).toBe(true);
    const requestTenant = createTenantRequests({
      registry: bench.platform.registry,
      defaultRegion: 'default',
      maxPending: 1_000,
      normalizeEmail: (email) => email,
      hashPassword: (password) => argon2.hash(password, { memoryCost: 1_024, timeCost: 2 }),
      verifyPassword: (hash, password) => argon2.verify(hash, password),
      bindIdempotency: bindIdempotencyResource,
      afterCommit: bench.assembly.kick,
    });
    return requestTenant({
      organizationName: name,
      plan: 'free',
      owner: { email: `${key}@example.com`, password: 'Test123!' },
      actor: { kind: 'anonymous', id: null },
      requestId: 'test',
      idempotency: claim,
    });
  }

  const tenantsCalled = (name: string) =>
    bench.platform.registry.selectFrom('tenantRegistry').selectAll().where('name', '=', name).execute();
  async function taken(before: readonly { id: string }[]) {
    const left = new Set((await listPool(bench)).map(({ id }) => id));
    return before.map(({ id }) => id).filter((id) => !left.has(id));
  }

  it('is one tenant and one database, also when it is sent again since its answer was lost', async () => {
    const before = await untilWarm(bench, size);
    const key = randomUUID();
    const first = await register('Sent Again', key);
    expect(await readRun(bench, first.runId)).toMatchObject({ status: 'completed', way: 'warm' });
    expect(await register('Sent Again', key)).toMatchObject({
      tenantId: first.tenantId,
      slug: first.slug,
      runId: first.runId,
      user: { id: first.user.id },
    });
    const tenants = await tenantsCalled('Sent Again');
    expect(tenants).toMatchObject([{ id: first.tenantId, status: 'active' }]);
    expect(await taken(before)).toEqual([tenants[0]?.databaseId]);
  });

  it('is so when those who send it again come while the first is being accepted', async () => {
    const before = await untilWarm(bench, size);
    const key = randomUUID();
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => register('All At Once', key)));
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    // Whoever has lost the key meanwhile makes nothing.
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'fenced' });
    expect(refusals.length).toBeLessThan(outcomes.length);
    const tenants = await tenantsCalled('All At Once');
    expect(tenants).toMatchObject([{ status: 'active' }]);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') expect(outcome.value.tenantId).toBe(tenants[0]?.id);
    }
    expect(await taken(before)).toEqual([tenants[0]?.databaseId]);
  });
});
