import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { createKeepAliveClient } from '../support/keep-alive-client.ts';

const quietTenants = 20;
/** Of each quiet tenant; the noisy one asks fifty times as often. */
const perSecond = 2;
const noise = 50;
/** It would need 25 connections, and may have ten: requests of its own wait for others. */
const slowSeconds = 0.25;
/** Alone and beside it in turns: whatever else the machine does meets both alike, and one burst of it no median. */
const pairs = 7;
const windowMs = 3_000;
const bound = 1.5;
/** What else the machine does can only make it worse: the best series counts. One that shares badly has none. */
const mostSeries = 4;

let deployment: Deployment;
let quiet: string[];
let noisy: string;

beforeAll(async () => {
  deployment = await createDeployment({ api: 1, worker: 1, environment: { PROVISIONING_WAIT_MS: '25000' } });
  const names = ['noisy', ...Array.from({ length: quietTenants }, (_, index) => `quiet${index}`)];
  const answers = await Promise.all(
    names.map((name) => deployment.apis[0].register(name, `${name}@example.com`)),
  );
  const tokens: string[] = answers.map(({ body }) => body.data.access_token);
  [noisy = '', ...quiet] = tokens;
  await addSlowView(answers[0]?.body.data.slug);
}, 180_000);
afterAll(() => deployment.stop());

async function addSlowView(slug: string): Promise<void> {
  const operator = deployment.apis[0].as({ 'x-admin-key': deployment.adminKey });
  const { body } = await operator.get(`/api/admin/tenants/${slug}`);
  const { host, port, admin } = deployment.server;
  const client = new pg.Client({ host, port, database: body.data.database_name, ...admin });
  await client.connect();
  await client.query(
    `CREATE VIEW slow AS SELECT pg_sleep(${slowSeconds})::text AS slept; GRANT SELECT ON slow TO PUBLIC`,
  );
  await client.end();
}

type Probe = { times: number[]; statuses: Map<number, number> };
const newProbe = (): Probe => ({ times: [], statuses: new Map() });

/** Asks at fixed times until told to stop, whether the one before was answered or not. */
function askRegularly(ask: () => Promise<{ status: number }>, everyMs: number, probe: Probe) {
  let isStopped = false;
  const underway = new Set<Promise<void>>();
  const one = async () => {
    const begun = performance.now();
    const { status } = await ask();
    probe.times.push(performance.now() - begun);
    probe.statuses.set(status, (probe.statuses.get(status) ?? 0) + 1);
  };
  const asking = (async () => {
    const begun = performance.now();
    for (let count = 1; !isStopped; count += 1) {
      const asked = one();
      underway.add(asked);
      void asked.finally(() => underway.delete(asked));
      await delay(Math.max(0, begun + count * everyMs - performance.now()));
    }
  })();
  return async () => {
    isStopped = true;
    await asking;
    await Promise.all(underway);
  };
}

const p99 = ({ times }: Probe) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? Number.NaN;

test('a tenant that asks fifty times as often, with slow queries, leaves the others as they were', {
  timeout: 400_000,
}, async () => {
  const { origin } = deployment.apis[0];
  const [client, noisyClient] = [createKeepAliveClient(origin), createKeepAliveClient(origin, 1_000)];
  const loud = newProbe();
  const askQuiet = (probe: Probe) => {
    let next = 0;
    return askRegularly(
      () => {
        next += 1;
        const authorization = `Bearer ${quiet[next % quietTenants]}`;
        return client.get('/api/data/companies?limit=1', { authorization });
      },
      1_000 / (perSecond * quietTenants),
      probe,
    );
  };
  const askLoudly = () =>
    askRegularly(
      () => noisyClient.get('/api/data/slow', { authorization: `Bearer ${noisy}` }),
      1_000 / (perSecond * noise),
      loud,
    );

  const measure = async (): Promise<number> => {
    const probe = newProbe();
    const stop = askQuiet(probe);
    await delay(windowMs);
    await stop();
    expect([...probe.statuses.keys()]).toEqual([200]);
    return p99(probe);
  };

  /** @returns the median of what the noise costs. */
  const measureSeries = async (): Promise<number> => {
    const ratios: number[] = [];
    const told: string[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      const alone = await measure();
      const stopLoud = askLoudly();
      const beside = await measure();
      await stopLoud();
      ratios.push(beside / alone);
      told.push(`${alone.toFixed(1)} → ${beside.toFixed(1)} ms`);
    }
    const median = ratios.toSorted((a, b) => a - b)[Math.floor(pairs / 2)] ?? Number.NaN;
    console.log(`p99 of the others alone and beside: ${told.join(', ')}; median ${median.toFixed(2)} ×`);
    return median;
  };

  // Connections are opened, caches are warm.
  await measure();
  const medians: number[] = [];
  do medians.push(await measureSeries());
  while (Math.min(...medians) > bound && medians.length < mostSeries);
  client.close();
  noisyClient.close();
  console.log(`the noisy one was answered ${JSON.stringify([...loud.statuses])}`);
  // It was loud indeed, and not only refused.
  expect(loud.times.length).toBeGreaterThan((noise * perSecond * pairs * windowMs) / 1_000 / 2);
  expect(loud.statuses.get(200)).toBeGreaterThan(100);
  expect(Math.min(...medians)).toBeLessThanOrEqual(bound);
});
