import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiClient } from '../support/api-client.ts';
import { connectionLogSettings, readConnectionLog } from '../support/connection-log.ts';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { createLruPools } from '../support/lru-pools.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const budget = 40;
const tenantCount = 50;
const clientCount = 24;
const seconds = { skewed: 30, flat: 30 };

let server: TestPostgres;
let deployment: Deployment;
let tokens: string[];
let admin: pg.Client;

beforeAll(async () => {
  server = await startTestPostgres({ settings: connectionLogSettings });
  deployment = await createDeployment({
    server,
    api: 2,
    worker: 1,
    environment: {
      MAX_TOTAL_CONNECTIONS: String(budget),
      REGISTRY_DB_POOL_MAX: '5',
      PROVISIONING_WAIT_MS: '25000',
    },
  });
  admin = await openAs(server.admin, 'postgres');
  const registered = await Promise.all(
    Array.from({ length: tenantCount }, (_, index) =>
      deployment.apis[0].register(`Tenant ${index}`, `tenant${index}@example.com`),
    ),
  );
  tokens = registered.map(({ body }) => body.data.access_token);
  expect(tokens.filter((token) => typeof token === 'string')).toHaveLength(tenantCount);
}, 180_000);
afterAll(async () => {
  await admin.end();
  await deployment.stop();
  await server.stop();
});

async function openAs(login: { user: string; password: string }, database: string): Promise<pg.Client> {
  const client = new pg.Client({ host: server.host, port: server.port, database, ...login });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Roles of tenants, whoever logs in as them: API, worker, the textbook. */
const isTenantRole = (user: string) => /^[am]_[0-9a-z]+_/.test(user);

/** The most sessions of tenants' roles in any look, one every 10 ms. */
function sampleSessions() {
  let [most, looks, isStopped] = [0, 0, false];
  const sampling = (async () => {
    while (!isStopped) {
      const { rows } = await admin.query<{ usename: string }>(
        "SELECT usename FROM pg_stat_activity WHERE backend_type = 'client backend' AND usename IS NOT NULL",
      );
      most = Math.max(most, rows.filter(({ usename }) => isTenantRole(usename)).length);
      looks += 1;
      await delay(10);
    }
  })();
  return async () => {
    isStopped = true;
    await sampling;
    return { most, looks };
  };
}

type Tally = { served: number; waits: number[]; faults: string[] };

/** Reads of tenants' rows over whichever process there is; one that is killed meanwhile is no fault. */
function startLoad(origins: () => string[], choose: () => number) {
  const tally: Tally = { served: 0, waits: [], faults: [] };
  let isStopped = false;
  const startedAt = performance.now();
  const ask = async (client: number): Promise<void> => {
    const all = origins();
    const origin = all[(client + tally.served) % all.length] ?? '';
    const api = createApiClient(origin).withToken(tokens[choose()] ?? '');
    const begun = performance.now();
    const answer = await api.get('/api/data/companies?select=name&limit=1').catch((error: unknown) => error);
    tally.waits.push(performance.now() - begun);
    const at = `${((performance.now() - startedAt) / 1_000).toFixed(1)} s, ${origin}`;
    if (answer instanceof Error) {
      if (origins().includes(origin)) tally.faults.push(`${at}: ${answer.message} ${String(answer.cause)}`);
    } else if ((answer as { status: number }).status === 200) tally.served += 1;
    else tally.faults.push(`${at}: ${JSON.stringify((answer as { body: unknown }).body)}`);
  };
  const clients = Array.from({ length: clientCount }, async (_, index) => {
    while (!isStopped) await ask(index);
  });
  return {
    tally,
    async stop(): Promise<Tally> {
      isStopped = true;
      await Promise.all(clients);
      return tally;
    },
  };
}

const random = createSeededRandom(4);
/** One of five requests is for the first tenant, one of ten for the second, and so on. */
const skewed = () =>
  Math.min(tenantCount - 1, Math.floor(tenantCount ** (random.below(1_000_000) / 1_000_000)) - 1);
const flat = () => random.below(tenantCount);

function quantileOf(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}

describe('api processes come, stop, go on and die under load', () => {
  test(`never more than ${budget} connections, no request fails`, { timeout: 180_000 }, async () => {
    const [one, two] = deployment.processes.apis;
    if (one === undefined || two === undefined) throw new Error('There are two api processes.');
    const originOf = ({ port }: { port: number }) => `http://127.0.0.1:${port}`;
    let origins = [one, two].map(originOf);
    let choose = skewed;
    const stopSampling = sampleSessions();
    const load = startLoad(
      () => origins,
      () => choose(),
    );
    await delay((seconds.skewed * 1_000) / 3);
    const three = await deployment.startMore('api');
    origins = [one, two, three].map(originOf);
    await delay((seconds.skewed * 1_000) / 3);
    process.kill(two.program.pid, 'SIGSTOP');
    await delay(5_000);
    process.kill(two.program.pid, 'SIGCONT');
    await delay((seconds.skewed * 1_000) / 3);
    choose = flat;
    await delay(seconds.flat * 300);
    origins = [two, three].map(originOf);
    await one.program.kill('SIGKILL');
    await delay(seconds.flat * 700);
    const { served, waits, faults } = await load.stop();
    const sampled = await stopSampling();
    const logged = await readConnectionLog(server.logFile, isTenantRole);
    await three.program.kill('SIGTERM');
    console.log(
      `${served} requests, p50 ${quantileOf(waits, 0.5).toFixed(1)} ms, p99 ${quantileOf(waits, 0.99).toFixed(1)} ms; at most ${sampled.most} connections in ${sampled.looks} looks, ${logged.most} by the log; ${logged.opened} logins`,
    );
    expect(faults).toEqual([]);
    expect(sampled.most).toBeLessThanOrEqual(budget);
    expect(logged.most).toBeLessThanOrEqual(budget);
    // Else the budget bound nothing, and nothing was shown.
    expect(sampled.most).toBeGreaterThan(budget / 2);
    expect(sampled.looks).toBeGreaterThan(1_000);
    expect(served).toBeGreaterThan(2_000);
  });

  test('a textbook cache of pools goes beyond the same number', async () => {
    const { rows } = await admin.query<{ name: string }>(
      'SELECT datname::text AS name FROM pg_database WHERE starts_with(datname, $1)',
      [deployment.environment.TENANT_DB_PREFIX],
    );
    const textbook = 'a_textbook_user';
    await admin.query(`CREATE ROLE ${textbook} LOGIN PASSWORD 'of the test'`);
    for (const { name } of rows) await admin.query(`GRANT CONNECT ON DATABASE ${name} TO ${textbook}`);
    const login = { host: server.host, port: server.port, user: textbook, password: 'of the test' };
    // Two processes with as many pools as there may be connections, and the same maximum for each tenant as above.
    const caches = [1, 2].map(() => createLruPools({ maxPools: budget / 2, connectionsPerPool: 10, login }));
    const stopSampling = sampleSessions();
    const endsAt = Date.now() + 5_000;
    await Promise.all(
      Array.from({ length: clientCount }, async (_, client) => {
        while (Date.now() < endsAt) {
          const name = rows[skewed() % rows.length]?.name ?? '';
          await caches[client % 2]?.query(name, 'SELECT 1').catch(() => undefined);
        }
      }),
    );
    const { most } = await stopSampling();
    await Promise.all(caches.map((cache) => cache.end()));
    const logged = await readConnectionLog(server.logFile, (user) => user === textbook);
    console.log(
      `the textbook: ${most} connections in a look, ${logged.most} by the log; ${logged.opened} logins`,
    );
    expect(logged.most).toBeGreaterThan(budget);
  });
});
