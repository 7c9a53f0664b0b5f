import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { runOn } from '../support/provisioning-bench.ts';
import { startTestRedis, type TestRedis } from '../support/redis-server.ts';
import {
  databasePasswords,
  everyRow,
  everythingInRedis,
  findCanaries,
  type Place,
  watchChildren,
  watchRedis,
} from './canary-places.ts';

const canary = (name: string) => `${name}-${randomBytes(20).toString('hex')}`;
const secrets = {
  JWT_SECRET: canary('jwt'),
  JWT_REFRESH_SECRET: canary('refresh'),
  SUPER_ADMIN_KEY: canary('admin'),
  MASTER_ENCRYPTION_KEY: canary('master'),
  WORKER_SECRET_KEY: canary('worker'),
  REDIS_PASSWORD: canary('redis'),
};
const password = canary('P4ss');
const wrongPassword = canary('Wr0ng');

/** Filled while the tenants are made: they have names to be told by, and are never to be read anywhere. */
const canaries: Record<string, string> = { ...secrets, password, wrongPassword };
const answers: string[] = [];

let postgres: TestPostgres;
let redis: TestRedis;
let deployment: Deployment;
let inRedis: Awaited<ReturnType<typeof watchRedis>>;
let ofWorker: ReturnType<typeof watchChildren>;
let ofApi: ReturnType<typeof watchChildren>;
let ofThisTest: ReturnType<typeof watchChildren>;
let places: Place[];

beforeAll(async () => {
  [postgres, redis] = await Promise.all([
    startTestPostgres({
      settings: {
        log_statement: 'all',
        log_error_verbosity: 'default',
        log_parameter_max_length: '-1',
        log_parameter_max_length_on_error: '-1',
        log_min_error_statement: 'error',
        log_connections: 'on',
      },
    }),
    startTestRedis({ password: secrets.REDIS_PASSWORD }),
  ]);
  canaries.serverPassword = postgres.admin.password;
  inRedis = await watchRedis(redis.url);
  const environment = { ...secrets, REDIS_URL: redis.url.replace(/:[^:@/]*@/, ''), LOG_LEVEL: 'trace' };
  deployment = await createDeployment({ api: 1, worker: 1, server: postgres, environment });
  const [worker] = deployment.processes.workers;
  const [api] = deployment.processes.apis;
  ofWorker = watchChildren(worker?.program.pid ?? 0);
  ofApi = watchChildren(api?.program.pid ?? 0);
  ofThisTest = watchChildren(process.pid);
  const text = (read: () => string) => async () => read();
  places = [
    { name: 'S15.01 answers', read: text(() => answers.join('\n')) },
    { name: 'S15.02 the log of the API', read: text(() => api?.program.output() ?? '') },
    { name: 'S15.03 the log of the worker', read: text(() => worker?.program.output() ?? '') },
    { name: 'S15.04 what Redis was told, job data included', read: text(inRedis.text) },
    { name: 'S15.05 what Redis holds', read: () => everythingInRedis(inRedis.client) },
    { name: 'S15.06 arguments and environment of the worker’s children', read: text(ofWorker.text) },
    { name: 'S15.07 arguments and environment of the API’s children', read: text(ofApi.text) },
    {
      name: 'S15.08 the log of PostgreSQL, every statement with its parameters',
      read: () => readFile(postgres.logFile, 'utf8'),
    },
    { name: 'S15.09 the rows of the registry', read: () => everyRow(postgres, deployment.registryName) },
  ];
}, 120_000);

afterAll(async () => {
  await Promise.all([ofWorker.stop(), ofApi.stop(), ofThisTest.stop()]);
  inRedis.stop();
  await deployment.stop();
  await Promise.all([postgres.stop(), redis.stop()]);
});

/** The first one was built before anybody looked. */
async function buildTemplate(): Promise<void> {
  const body = { key: 'second', source_database: deployment.environment.SOURCE_DATABASE_NAME };
  const { data } = await ask('POST', '/api/admin/templates', { key: true, body });
  await vi.waitFor(
    async () =>
      expect((await ask('GET', `/api/admin/jobs/${data.job_id}`, { key: true })).data.status).toBe(
        'completed',
      ),
    { timeout: 30_000, interval: 100 },
  );
}

type Asked = { token?: string; key?: boolean; body?: object; headers?: Record<string, string> };

async function ask(method: string, path: string, { token, key, body, headers }: Asked = {}) {
  const response = await fetch(`${deployment.apis[0].origin}${path}`, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(key && { 'x-admin-key': secrets.SUPER_ADMIN_KEY }),
      ...(body && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  answers.push(`${response.status} ${JSON.stringify([...response.headers])} ${text}`);
  return { status: response.status, text, data: text.startsWith('{') ? JSON.parse(text).data : undefined };
}

/** Its tokens belong into that answer, and from then on nowhere. */
function keepTokens(
  name: string,
  { access_token: access, refresh_token: refresh }: Record<string, string>,
): string {
  answers.pop();
  canaries[`access token of ${name}`] = access ?? '';
  canaries[`refresh token of ${name}`] = refresh ?? '';
  return access ?? '';
}

describe('a whole life, with its failures', () => {
  it('S15.10 is lived, so that every secret has been in use', async () => {
    const owner = { admin_email: `${randomUUID()}@example.com`, admin_password: password };
    const wait = { prefer: 'wait=25' };
    const made = await ask('POST', '/api/auth/register-organization', {
      body: { organization_name: 'Canary', ...owner },
      headers: wait,
    });
    expect(made.status).toBe(201);
    const token = keepTokens('the registration', made.data);
    Object.assign(
      canaries,
      await databasePasswords({
        server: postgres,
        registry: deployment.registryName,
        tenantId: made.data.tenant_id,
        ...secrets,
      }),
    );
    const entered = await ask('POST', '/api/auth/login', { body: { email: owner.admin_email, password } });
    expect([entered.status, entered.data.database_url]).toEqual([200, expect.stringMatching(/^postgresql:/)]);
    keepTokens('the log-in', entered.data);
    const failures: [number, string, string, Asked][] = [
      [401, 'POST', '/api/auth/login', { body: { email: owner.admin_email, password: wrongPassword } }],
      [
        400,
        'POST',
        '/api/auth/login',
        { body: { email: owner.admin_email, password: wrongPassword, role: 'x' } },
      ],
      [
        409,
        'POST',
        '/api/auth/register-organization',
        { body: { organization_name: 'Canary', ...owner, admin_password: wrongPassword } },
      ],
      [401, 'POST', '/api/auth/refresh', { body: { refresh_token: wrongPassword } }],
      [401, 'GET', '/api/me', { token: wrongPassword }],
      [401, 'GET', '/api/admin/stats', { headers: { 'x-admin-key': wrongPassword } }],
      [404, 'GET', `/api/nothing?password=${wrongPassword}`, {}],
      [404, 'GET', '/api/data/nothing', { token }],
      [
        201,
        'POST',
        '/api/admin/templates',
        { key: true, body: { key: 'missing', source_database: 'missing' } },
      ],
    ];
    for (const [status, method, path, asked] of failures) {
      expect((await ask(method, path, asked)).status, `${method} ${path}`).toBe(status);
    }
    await buildTemplate();
    const change = { current_password: password, new_password: wrongPassword };
    expect((await ask('POST', '/api/me/change-password', { token, body: change })).status).toBe(204);
    for (const path of [
      'tenants',
      'jobs',
      'templates',
      'stats',
      'doctor',
      'reconcile?depth=deep',
      `tenants/${made.data.tenant_id}`,
    ]) {
      expect((await ask('GET', `/api/admin/${path}`, { key: true })).status, path).toBe(200);
    }
    for (const path of ['/health', '/health/ready', '/openapi.json', '/docs/errors']) await ask('GET', path);
    const purge = `/api/admin/tenants/${made.data.tenant_id}?purge=true&confirm=${made.data.slug}`;
    expect((await ask('DELETE', purge, { key: true, headers: wait })).status).toBe(200);
    expect(Object.keys(canaries).length).toBeGreaterThanOrEqual(15);
  }, 120_000);

  it('S15.11 has left traces wherever is looked, so that there was something to read', async () => {
    const traces: Record<string, RegExp> = {
      'S15.01': /"tenant_id"/,
      'S15.02': /"service":"api"/,
      'S15.03': /"service":"worker"/,
      'S15.04': /run-provisioning/,
      'S15.05': /^tm:/m,
      'S15.06': /pg_dump[^\n]*\n[^\n]*PGPASSFILE/,
      'S15.08': /CREATE DATABASE[\s\S]*parameters: \$1/i,
      'S15.09': /argon2id/,
    };
    for (const { name, read } of places) expect(await read(), name).toMatch(traces[name.slice(0, 6)] ?? /^/);
  });

  it.each(['S15.01', 'S15.02', 'S15.03', 'S15.04', 'S15.05', 'S15.06', 'S15.07', 'S15.08', 'S15.09'])(
    '%s holds no secret',
    async (id) => {
      const place = places.find(({ name }) => name.startsWith(id));
      if (place === undefined) throw new Error(id);
      expect(findCanaries(await place.read(), canaries), place.name).toEqual([]);
    },
  );
});

describe('one secret that is planted is found', () => {
  const planted = canary('planted');
  const readOf = (id: string) =>
    places.find(({ name }) => name.startsWith(id))?.read ?? expect.unreachable(id);

  type Planting = [string, string, () => Promise<unknown>];
  const plantings: Planting[] = [
    [
      'S15.12 in answers',
      'S15.01',
      () => ask('GET', '/health/live', { headers: { 'x-request-id': planted } }),
    ],
    [
      'S15.13 in the log of the API',
      'S15.02',
      () => ask('GET', '/api/nothing', { headers: { 'x-request-id': planted } }),
    ],
    ['S15.14 in what Redis was told', 'S15.04', () => inRedis.client.set('planted', planted)],
    ['S15.15 in what Redis holds', 'S15.05', () => inRedis.client.set('planted', planted)],
    ['S15.16 in the log of PostgreSQL', 'S15.08', () => runOn(postgres, 'postgres', `SELECT '${planted}'`)],
    [
      'S15.17 in the rows of the registry',
      'S15.09',
      () =>
        ask('POST', '/api/admin/templates', {
          key: true,
          body: { key: 'planted', source_database: planted },
        }),
    ],
    [
      'S15.18 in the log of the worker',
      'S15.03',
      () =>
        ask('POST', '/api/admin/templates', {
          key: true,
          body: { key: 'planted-again', source_database: planted },
        }),
    ],
  ];

  it.each(plantings)('%s', async (_name, id, plant) => {
    await plant();
    await vi.waitFor(
      async () => expect(findCanaries(await readOf(id)(), { planted })).toEqual(['planted']),
      10_000,
    );
  });

  it.each([
    ['S15.19 in the arguments of a child', [planted], {}],
    ['S15.20 in the environment of a child', [], { CANARY: planted }],
  ])('%s', async (_name, args, env) => {
    const child = spawn('sleep', ['0.5', ...args.map(() => '0')], {
      env: { PATH: process.env.PATH, ...env },
      argv0: args[0] ?? 'sleep',
    });
    await once(child, 'exit');
    expect(findCanaries(ofThisTest.text(), { planted })).toEqual(['planted']);
  });

  it('S15.21 in base64, in hex and in a URL as well', () => {
    const odd = 'a/secret?with=signs&more';
    for (const form of [
      encodeURIComponent(odd),
      Buffer.from(odd).toString('base64'),
      Buffer.from(odd).toString('hex'),
    ]) {
      expect(findCanaries(`before ${form} after`, { odd })).toEqual(['odd']);
    }
  });
});
