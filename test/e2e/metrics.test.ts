import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type ExposedMetric, parseExposition } from '../../src/cli/exposition.ts';
import { runCli } from '../cli/run-cli.ts';
import { createDeployment, type Deployment } from '../support/deployment.ts';

/** Of the requirements, those whose features exist: name, type, labels beside `le`. */
const required = {
  active_tenants: 'gauge plan',
  tenants: 'gauge region status',
  active_users: 'gauge',
  seat_utilization: 'histogram plan',
  tenant_created_total: 'counter plan',
  tenant_deleted_total: 'counter plan',
  api_requests_total: 'counter method route status',
  api_errors_total: 'counter code route',
  api_response_time_seconds: 'histogram method route',
  database_query_time_seconds: 'histogram target',
  database_connections_total: 'gauge state target',
  connection_budget: 'gauge server',
  lease_wait_seconds: 'histogram outcome',
  leases_waiting: 'gauge',
  pool_evictions_total: 'counter reason',
  cache_hit_rate: 'gauge cache',
  cache_requests_total: 'counter cache result',
  provisioning_duration_seconds: 'histogram outcome way',
  provisioning_step_seconds: 'histogram outcome step',
  warm_databases: 'gauge server template',
  queue_jobs: 'gauge queue state',
  queue_oldest_job_age_seconds: 'gauge queue',
  outbox_pending: 'gauge kind',
  outbox_oldest_age_seconds: 'gauge kind',
  reconcile_findings: 'gauge kind',
  login_failures_total: 'counter reason',
  rate_limited_total: 'counter reason',
  host_cpu_ratio: 'gauge',
  host_memory_ratio: 'gauge',
  disk_free_ratio: 'gauge mount',
  build_info: 'gauge node role version',
  process_resident_memory_bytes: 'gauge',
  process_cpu_seconds_total: 'counter',
  nodejs_eventloop_lag_seconds: 'gauge',
  nodejs_heap_size_used_bytes: 'gauge',
} as const;

/** Told by a process only once something has happened that did not happen here. */
const withoutSample = new Set(['reconcile_findings', 'rate_limited_total']);

let deployment: Deployment;
let slug: string;

beforeAll(async () => {
  deployment = await createDeployment({ api: 1, worker: 1 });
  const [api] = deployment.apis;
  const registered = await api.register('Measured Corp', 'admin@measured.example');
  expect(registered.status).toBe(201);
  slug = registered.body.data.slug;
  const member = api.withToken(registered.body.data.access_token);
  expect((await member.post('/api/data/companies', { name: 'One' })).status).toBe(201);
  expect((await member.get('/api/data/companies')).status).toBe(200);
  const wrong = { email: 'admin@measured.example', password: 'not the password' };
  expect((await api.post('/api/auth/login', wrong)).status).toBe(401);
  expect((await api.post('/api/auth/login', { ...wrong, password: 'Test123!' })).status).toBe(200);
  const gone = await api.register('Gone Corp', 'admin@gone.example');
  const operator = api.as({ 'x-admin-key': deployment.adminKey });
  const goneSlug = gone.body.data.slug;
  const purged = await operator.delete(`/api/admin/tenants/${goneSlug}?purge=true&confirm=${goneSlug}`);
  expect(purged.status).toBeLessThan(300);
}, 180_000);
afterAll(() => deployment.stop());

const addressOf = (which: 'apis' | 'workers') =>
  `http://127.0.0.1:${deployment.processes[which][0]?.metricsPort}/metrics`;

async function scrape(which: 'apis' | 'workers'): Promise<{ text: string; metrics: ExposedMetric[] }> {
  const response = await fetch(addressOf(which));
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const text = await response.text();
  const metrics = parseExposition(text);
  if (metrics === undefined) throw new Error(`Not understood:\n${text}`);
  return { text, metrics };
}

const samplesOf = (metrics: readonly ExposedMetric[], name: string) =>
  metrics.find((metric) => metric.name === name)?.samples ?? [];

async function readValue(which: 'apis' | 'workers', name: string, labels: Record<string, string> = {}) {
  const samples = samplesOf((await scrape(which)).metrics, name);
  return samples.find(
    (each) =>
      !each.name.endsWith('_bucket') &&
      !each.name.endsWith('_sum') &&
      Object.entries(labels).every(([label, value]) => each.labels[label] === value),
  )?.value;
}

test('api and worker have every metric of the requirements, with its type, and between them a value of each', async () => {
  await vi.waitFor(async () => expect(await readValue('workers', 'tenant_deleted_total')).toBe(1), {
    timeout: 30_000,
    interval: 100,
  });
  const scrapes = [await scrape('apis'), await scrape('workers')];
  for (const [name, description] of Object.entries(required)) {
    const [type] = description.split(' ');
    const found = scrapes.map(({ metrics }) => metrics.find((metric) => metric.name === name));
    expect(
      found.map((metric) => metric?.type),
      name,
    ).toEqual([type, type]);
    const samples = found.flatMap((metric) => metric?.samples ?? []);
    if (!withoutSample.has(name)) expect(samples.length, name).toBeGreaterThan(0);
    for (const { labels, value } of samples) {
      const { le: _, ...own } = labels;
      expect([type, ...Object.keys(own).toSorted()].join(' '), name).toBe(description);
      expect(value, name).toBeGreaterThanOrEqual(0);
    }
  }
});

test('they say what happened', async () => {
  // What the registry says is read again after 5 s.
  await vi.waitFor(async () => expect(await readValue('workers', 'tenants', { status: 'deleted' })).toBe(1), {
    timeout: 10_000,
    interval: 250,
  });
  expect(await readValue('apis', 'active_tenants', { plan: 'free' })).toBe(1);
  expect(await readValue('workers', 'tenants', { status: 'active' })).toBe(1);
  expect(await readValue('apis', 'active_users')).toBe(1);
  expect(await readValue('workers', 'tenant_created_total', { plan: 'free' })).toBe(2);
  expect(await readValue('workers', 'provisioning_duration_seconds', { outcome: 'completed' })).toBe(2);
  expect(await readValue('workers', 'provisioning_step_seconds', { step: 'seal-database' })).toBe(2);
  expect(await readValue('apis', 'login_failures_total', { reason: 'invalid_credentials' })).toBe(1);
  const data = { method: 'GET', route: '/api/data/:table' };
  expect(await readValue('apis', 'api_requests_total', { ...data, status: '200' })).toBe(1);
  expect(await readValue('apis', 'api_response_time_seconds', data)).toBe(1);
  const failed = { route: '/api/auth/login', code: 'invalid_credentials' };
  expect(await readValue('apis', 'api_errors_total', failed)).toBe(1);
  expect(await readValue('apis', 'lease_wait_seconds', { outcome: 'granted' })).toBe(2);
  expect(await readValue('apis', 'database_query_time_seconds', { target: 'tenant' })).toBe(2);
  expect(await readValue('apis', 'database_connections_total', { target: 'tenant', state: 'idle' })).toBe(1);
  expect(await readValue('apis', 'connection_budget')).toBeGreaterThan(1);
  const cache = { cache: 'tenants', result: 'hit' };
  expect(await readValue('apis', 'cache_requests_total', cache)).toBeGreaterThan(0);
});

test('500 random paths add one route, and no label says who or where it was', async () => {
  const [api] = deployment.apis;
  const before = await countSeries();
  const method = (at: number) => ['GET', 'POST', 'DELETE', 'PATCH', 'PUT'][at % 5] ?? 'GET';
  for (let at = 0; at < 500; at += 1) {
    const path = `/${randomBytes(6).toString('base64url')}/${slug}/%2e%2e/${at}`;
    await (await fetch(`${api.origin}${path}`, { method: method(at) })).arrayBuffer();
  }
  for (let at = 0; at < 50; at += 1) await api.get(`/api/auth/provisioning-status/${crypto.randomUUID()}`);
  const unknown = samplesOf((await scrape('apis')).metrics, 'api_requests_total').filter(
    ({ labels }) => labels.route === 'unknown',
  );
  expect(unknown.reduce((sum, { value }) => sum + value, 0)).toBe(500);
  // For each of the five methods a counter and a histogram; some error codes, one more route.
  expect((await countSeries()) - before).toBeLessThan(120);
  for (const which of ['apis', 'workers'] as const) {
    const { text } = await scrape(which);
    expect(text).not.toContain(slug);
    expect(text).not.toContain('measured.example');
    expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
  }
});

async function countSeries(): Promise<number> {
  return (await scrape('apis')).metrics.reduce((sum, { samples }) => sum + samples.length, 0);
}

test('promtool finds nothing wrong', async ({ skip }) => {
  const { text } = await scrape('apis');
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  if (checked.error !== undefined) skip(`promtool is not installed: ${checked.error.message}`);
  const serious = checked.stderr.split('\n').filter((line) => /error|duplicate|inconsistent/i.test(line));
  expect(serious).toEqual([]);
});

test('tenant-cli metrics prints what a process says', async () => {
  const shown = await runCli(['metrics', 'lease', '--url', addressOf('apis')]);
  expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
  expect(shown.stdout).toMatch(/^lease_wait_seconds +outcome=granted +2, mean 0\.\d+$/m);
  expect(shown.stdout).not.toContain('api_requests_total');
  const json = await runCli(['metrics', '--url', addressOf('workers'), '--json']);
  const metrics = JSON.parse(json.stdout) as ExposedMetric[];
  expect(metrics.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(required)));
  const nobody = await runCli(['metrics', '--url', 'http://127.0.0.1:9/metrics']);
  expect(nobody.exitCode).toBe(1);
  expect(nobody.stderr).toContain('does not answer');
});

test('ENABLE_METRICS=false tells nothing', async () => {
  const silent = await deployment.startMore('worker', { ENABLE_METRICS: 'false' });
  try {
    const origin = `http://127.0.0.1:${silent.metricsPort}`;
    expect((await fetch(`${origin}/metrics`)).status).toBe(404);
    expect((await fetch(`${origin}/health/ready`)).status).toBe(200);
  } finally {
    await silent.program.kill('SIGTERM');
  }
});
