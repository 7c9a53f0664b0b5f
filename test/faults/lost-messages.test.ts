import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type SilentProxy, startSilentProxy } from '../registry/silent-proxy.ts';
import { type Answer, createApiClient } from '../support/api-client.ts';
import { createDeployment, type Deployment, type StartedProcess } from '../support/deployment.ts';

/** How long a process may go on with what it knew, when no message reaches it. */
const expiryMs = 30_000;
/** How soon a message must be obeyed. */
const toldMs = 1_000;

let deployment: Deployment;
let proxy: SilentProxy;
let deaf: StartedProcess;

beforeAll(async () => {
  deployment = await createDeployment({ api: 2, worker: 1 });
  const url = new URL(deployment.environment.GLOBAL_DATABASE_URL ?? '');
  proxy = await startSilentProxy({
    host: url.hostname,
    port: Number(url.port),
    silentAfter: 'LISTEN tm_messages',
  });
  url.hostname = proxy.host;
  url.port = String(proxy.port);
  deaf = await deployment.startMore('api', { GLOBAL_DATABASE_URL: url.href });
}, 180_000);
afterAll(async () => {
  await deaf.program.kill('SIGTERM');
  await proxy.close();
  await deployment.stop();
});

async function makeTenant(name: string) {
  const [api] = deployment.apis;
  const { body } = await api.register(name, `${name}@example.com`);
  const { slug, access_token: token } = body.data;
  const clients = [...deployment.apis, createApiClient(`http://127.0.0.1:${deaf.port}`)];
  const [one, two, lost] = clients.map((client) => client.withToken(token));
  if (one === undefined || two === undefined || lost === undefined) throw new Error('There are three.');
  const read = (client: typeof one) => client.get('/api/data/companies');
  const operator = api.as({ 'x-admin-key': deployment.adminKey });
  return { slug, one, two, lost, read, operator };
}

/** Milliseconds until the answer is the wanted one. */
async function timeUntil(ask: () => Promise<Answer>, status: number, withinMs: number): Promise<number> {
  const begun = performance.now();
  for (;;) {
    const answer = await ask();
    const ms = performance.now() - begun;
    if (answer.status === status || ms > withinMs)
      return answer.status === status ? ms : Number.POSITIVE_INFINITY;
    await delay(20);
  }
}

describe('a suspended tenant', () => {
  test('is refused by all who hear of it within a second, and by one that hears nothing when its knowledge expires', {
    timeout: 120_000,
  }, async () => {
    const { slug, one, two, lost, read, operator } = await makeTenant('suspended');
    for (const client of [one, two, lost]) expect((await read(client)).status).toBe(200);
    const begun = performance.now();
    expect((await operator.post(`/api/admin/tenants/${slug}/suspend`, { reason: 'unpaid' })).status).toBe(
      200,
    );
    // It has not heard of it: else the rest would show nothing.
    expect((await read(lost)).status).toBe(200);
    for (const client of [one, two]) {
      expect(await timeUntil(() => read(client), 409, toldMs)).toBeLessThanOrEqual(toldMs);
    }
    await timeUntil(() => read(lost), 409, expiryMs);
    const tookMs = performance.now() - begun;
    expect((await read(lost)).status).toBe(409);
    expect(tookMs).toBeLessThan(expiryMs);
    expect(tookMs).toBeGreaterThan(toldMs);
  });

  test('has no connection left', async () => {
    const { slug, one, two, read, operator } = await makeTenant('left');
    for (const client of [one, two]) expect((await read(client)).status).toBe(200);
    const { body } = await operator.get(`/api/admin/tenants/${slug}`);
    const database = body.data.database_name;
    expect(await sessionsIn(database)).toBeGreaterThan(0);
    await operator.post(`/api/admin/tenants/${slug}/suspend`, { reason: 'unpaid' });
    await expect.poll(() => sessionsIn(database), { timeout: 5_000 }).toBe(0);
  });
});

async function sessionsIn(database: string): Promise<number> {
  const { host, port, admin } = deployment.server;
  const client = new pg.Client({ host, port, database: 'postgres', ...admin });
  await client.connect();
  const { rows } = await client.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = $1',
    [database],
  );
  await client.end();
  return rows[0]?.count ?? -1;
}
