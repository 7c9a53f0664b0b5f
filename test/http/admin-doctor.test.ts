import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { App } from '../../src/http/app.ts';
import { adminDoctorRoutes } from '../../src/http/routes/admin-doctor.ts';
import { assembleDoctorHere } from '../../src/main/assemble-doctor.ts';
import { createTasks } from '../../src/tasks/request-task.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { adminKey, createTestApp, inject } from './test-app.ts';

failOnLeaks();

type Found = { check: string; status: string; subject: string; detail: string; remedy: string | null };

const headers = { 'x-admin-key': adminKey };

async function createDoctorApp({ config, platform, log, assembly }: Bench): Promise<App> {
  const { registry, messages } = platform;
  const tasks = createTasks({ registry, messages, afterCommit: assembly.kick });
  const doctor = assembleDoctorHere({ config, log }, platform);
  const { app } = await createTestApp([adminDoctorRoutes({ doctor, tasks })]);
  return app;
}

const countTasks = async ({ platform: { registry } }: Bench) =>
  (await registry.selectFrom('tasks').select('kind').execute()).map(({ kind }) => kind);

describe('with a worker', () => {
  let bench: Bench;
  let app: App;

  beforeAll(async () => {
    bench = await createProvisioningBench();
    await bench.assembly.firstLook;
    app = await createDoctorApp(bench);
    await untilSwept(bench);
  });
  afterAll(async () => {
    await app.close();
    await bench.stop();
  });

  it('a worker looks, at the database servers too', async () => {
    const answer = await inject(app, {
      url: '/api/admin/doctor',
      headers: { ...headers, prefer: 'wait=25' },
    });
    expect(answer.statusCode).toBe(200);
    const { data } = answer.json();
    expect(data.by).toBe('worker');
    const checks: Found[] = data.checks;
    expect(checks.filter(({ check }) => check === 'server.version')).toHaveLength(1);
    expect(checks.filter(({ check }) => check === 'server.reachable')).toMatchObject([{ status: 'ok' }]);
    const { ok, warning, problem, unknown } = data.summary;
    expect(ok + warning + problem + unknown).toBe(checks.length);
  });

  it('need not be waited for', async () => {
    const answer = await inject(app, {
      url: '/api/admin/doctor',
      headers: { ...headers, prefer: 'respond-async' },
    });
    expect(answer.statusCode).toBe(202);
    expect(answer.headers.location).toBe(`/api/admin/jobs/${answer.json().data.job_id}`);
  });

  it('the process that answers can be asked for what it sees itself', async () => {
    const before = await countTasks(bench);
    const { data } = (await inject(app, { url: '/api/admin/doctor?here=true', headers })).json();
    expect(data.by).toBe('api');
    const checks: Found[] = data.checks;
    expect(checks.filter(({ check }) => check.startsWith('server.'))).toEqual([]);
    expect(checks.filter(({ check }) => check === 'workers.sweeper')).toMatchObject([{ status: 'ok' }]);
    expect(await countTasks(bench)).toEqual(before);
  });

  it('is for operators', async () => {
    expect((await inject(app, { url: '/api/admin/doctor' })).statusCode).toBe(401);
    const fix = await inject(app, { method: 'POST', url: '/api/admin/doctor/fix' });
    expect(fix.statusCode).toBe(401);
    const wrong = await inject(app, { url: '/api/admin/doctor?color=red', headers });
    expect(wrong.statusCode).toBe(400);
  });
});

describe('without a worker', () => {
  let bench: Bench;
  let app: App;

  beforeAll(async () => {
    bench = await createProvisioningBench({ role: 'api' });
    app = await createDoctorApp(bench);
  });
  afterAll(async () => {
    await app.close();
    await bench.stop();
  });

  it.each([
    ['GET', '/api/admin/doctor'],
    ['POST', '/api/admin/doctor/fix'],
  ] as const)('%s %s says so at once, and leaves no task for later', async (method, url) => {
    const answer = await inject(app, { method, url, headers });
    expect(answer.statusCode).toBe(200);
    const { data } = answer.json();
    expect(data).toMatchObject({ by: 'api', fixed: [] });
    const checks: Found[] = data.checks;
    expect(checks.find(({ check }) => check === 'workers.sweeper')).toMatchObject({
      status: 'problem',
      detail: expect.stringMatching(/^No worker is alive/),
      remedy: expect.stringContaining('npm run start:worker'),
    });
    expect(checks.find(({ check }) => check === 'registry.migrations')).toMatchObject({ status: 'ok' });
    expect(await countTasks(bench)).toEqual([]);
  });

  it('one that fell silent is as good as none', async () => {
    await bench.platform.registry
      .insertInto('heartbeats')
      .values({ name: 'sweeper', holder: 'gone', beatAt: new Date(Date.now() - 300_000) })
      .execute();
    const { data } = (await inject(app, { url: '/api/admin/doctor', headers })).json();
    const checks: Found[] = data.checks;
    expect(checks.find(({ check }) => check === 'workers.sweeper')).toMatchObject({
      status: 'problem',
      detail: expect.stringMatching(/fell silent 5 min ago/),
    });
    expect(await countTasks(bench)).toEqual([]);
  });
});

/** The first beat comes with the first sweep. */
async function untilSwept({ platform: { registry } }: Bench): Promise<void> {
  await vi.waitFor(
    async () => {
      const row = await registry
        .selectFrom('heartbeats')
        .select('name')
        .where('name', '=', 'sweeper')
        .executeTakeFirst();
      if (row === undefined) throw new Error('Nobody sweeps yet.');
    },
    { timeout: 15_000 },
  );
}
