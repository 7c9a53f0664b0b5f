import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';
import { answersOf, expectExactlyOneEach, expectNoCrash, register } from './registration-wave.ts';

const registrations = 50;
const restarts = 10;
/** A limit of behaviour: so soon after PostgreSQL answers again, a process is ready again. */
const readyWithinMs = 10_000;

const environment = { PROVISIONING_WAIT_MS: '2000', WARM_POOL_SIZE: '0' };
const open: { stop: () => Promise<void> }[] = [];
let postgres: TestPostgres;

beforeEach(async () => {
  postgres = await startTestPostgres({ fsync: true });
  open.push(postgres);
});

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.stop();
});

async function deploy(more: Record<string, string>): Promise<Deployment> {
  const deployment = await createDeployment({
    api: 1,
    worker: 1,
    server: postgres,
    environment: { ...environment, ...more },
  });
  open.push(deployment);
  await deployment.processes.workers[0]?.program.saw(/template built/);
  return deployment;
}

async function startRedis(): Promise<TestRedis> {
  const redis = await startTestRedis();
  open.push(redis);
  return redis;
}

const post = ({ apis: [api] }: Deployment, everyMs: number) =>
  register([api], { name: 'Organization', count: registrations, everyMs });

describe(`${registrations} registrations, repeated where they got no answer, become ${registrations} active tenants`, {
  timeout: 300_000,
}, () => {
  it('with the queue in PostgreSQL, although that is restarted while they come', async () => {
    const deployment = await deploy({});
    const posting = post(deployment, 100);
    for (const mode of ['fast', 'immediate'] as const) {
      await delay(2_000);
      await postgres.restart(mode);
    }
    const posted = await posting;
    await expectExactlyOneEach(deployment, posted);
    console.log(`queue in PostgreSQL, restarted twice: ${JSON.stringify(answersOf(posted))}`);
    expectNoCrash(deployment);
  });

  it(`with the queue in Redis, although PostgreSQL loses its power ${restarts} times`, async () => {
    const redis = await startRedis();
    const deployment = await deploy({ REDIS_URL: redis.url });
    const posting = post(deployment, 300);
    const recoveries: number[] = [];
    for (let round = 0; round < restarts; round += 1) {
      await postgres.restart('immediate');
      recoveries.push(await timeToReady(deployment));
      await delay(500);
    }
    const posted = await posting;
    console.log(
      `restarted ${restarts} times: ${JSON.stringify(answersOf(posted))}; ready after ${recoveries.join(', ')} ms`,
    );
    await expectExactlyOneEach(deployment, posted);
    expect(Math.max(...recoveries)).toBeLessThan(readyWithinMs);
    expectNoCrash(deployment);
  });
});

/** From now on, as PostgreSQL takes connections by now. */
async function timeToReady({ apis: [api] }: Deployment): Promise<number> {
  const from = Date.now();
  await expect
    .poll(async () => (await api.get('/health/ready')).status, { timeout: 30_000, interval: 50 })
    .toBe(200);
  return Date.now() - from;
}
