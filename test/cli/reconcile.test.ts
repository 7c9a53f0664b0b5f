import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createHttpAdminRequest } from '../../src/cli/http-admin-client.ts';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { runOn } from '../support/provisioning-bench.ts';
import { type AdminStandIn, type Arrived, problem, startAdminStandIn, success } from './admin-stand-in.ts';
import { type Ended, runCli } from './run-cli.ts';

const jobId = '0199a0aa-0000-7000-8000-00000000000a';
const report = (more: Record<string, unknown> = {}) => ({
  depth: 'catalog',
  compared: { servers: 1, tenants: 2, warm_databases: 0, template_copies: 1, databases: 3, roles: 6 },
  findings: [],
  omitted: 0,
  unchecked: [],
  quarantined: [],
  ...more,
});
const orphan = {
  invariant: 'I2',
  kind: 'database_orphaned',
  server: 'default',
  subject: 't_1',
  detail: 'The platform made the database t_1, and no row names it.',
  repair: { action: 'quarantine', sentence: 'shut it and keep it' },
};
const noAdmin = { ...orphan, kind: 'admin_missing', invariant: 'I3', repair: undefined };

describe('reconcile', () => {
  let server: AdminStandIn | undefined;
  afterEach(() => server?.stop());
  const answering = async (answer: (call: Arrived) => ReturnType<typeof success>) => {
    server = await startAdminStandIn(answer);
    return server;
  };

  test('says that all agree, with exit code 0', async () => {
    const { url, arrived } = await answering(() => success(report()));
    const { exitCode, stdout } = await runCli(['reconcile'], { api: url });
    expect([exitCode, stdout]).toEqual([0, '2 tenants on 1 server compared: registry and servers agree.\n']);
    expect(arrived[0]).toMatchObject({ method: 'GET', query: { depth: 'catalog' } });
  });

  test('says of each finding what would be done or that a person decides, with exit code 3', async () => {
    const { url } = await answering(() => success(report({ findings: [orphan, noAdmin] })));
    const { exitCode, stdout } = await runCli(['reconcile'], { api: url });
    expect(exitCode).toBe(3);
    expect(stdout).toContain('database_orphaned (I2 on default)');
    expect(stdout).toContain('→ --apply would shut it and keep it');
    expect(stdout).toContain('→ a person has to decide');
    expect(stdout).toContain('2 findings. tenant-cli reconcile --apply mends 1 of them.');
  });

  test('has not looked at everything: exit code 3 though nothing was found', async () => {
    const unchecked = [{ subject: 'second', reason: 'ECONNREFUSED' }];
    const { url } = await answering(() => success(report({ unchecked })));
    const { exitCode, stdout } = await runCli(['reconcile'], { api: url });
    expect([exitCode, stdout]).toEqual([3, expect.stringContaining('second: ECONNREFUSED')]);
  });

  test('follows the job when the answer takes longer, and shows what it did', async () => {
    const repairs = [{ server: 'default', subject: 't_1', actions: ['quarantine'], outcome: 'done' }];
    const { url, arrived } = await answering((call) =>
      call.path.endsWith('/apply')
        ? success({ job_id: jobId, status: 'processing' })
        : success({
            id: jobId,
            kind: 'reconcile.apply',
            status: 'completed',
            created_at: '2026-01-01T10:00:00.000Z',
            result: report({ repairs }),
          }),
    );
    const { exitCode, stdout } = await runCli(['reconcile', '--apply', '--deep'], { api: url });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Mended\n  t_1: quarantine');
    expect(arrived.map(({ path }) => path)).toEqual([
      '/api/admin/reconcile/apply',
      `/api/admin/jobs/${jobId}`,
    ]);
    expect(arrived[0]?.body).toEqual({ depth: 'deep' });
  });

  test('says how much is not listed', async () => {
    const omitted = { omitted: 2, omitted_repairs: 1, omitted_unchecked: 3 };
    const { url } = await answering(() => success(report({ findings: [noAdmin], ...omitted })));
    const { stdout } = await runCli(['reconcile'], { api: url });
    expect(stdout).toContain('Not listed: 1 more repair, 2 more findings, 3 more not looked at.');
    expect(stdout).toContain('3 findings.');
  });

  test('fails with what was in the way', async () => {
    const { url } = await answering((call) =>
      call.path === '/api/admin/reconcile'
        ? success({ job_id: jobId, status: 'pending' })
        : success({
            id: jobId,
            kind: 'reconcile.plan',
            status: 'failed',
            created_at: '2026-01-01T10:00:00.000Z',
            error: { code: 'registry_unavailable', message: 'The registry database cannot be reached.' },
          }),
    );
    const { exitCode, stderr } = await runCli(['reconcile'], { api: url });
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('registry_unavailable')]);
  });

  test('does not drop and apply at once', async () => {
    const { exitCode } = await runCli(['reconcile', '--apply', '--drop-quarantined', 't_1']);
    expect(exitCode).toBe(2);
  });

  test('does not release and drop at once', async () => {
    const { exitCode } = await runCli(['reconcile', '--release', 't_1', '--drop-quarantined', 't_1']);
    expect(exitCode).toBe(2);
  });

  test('mends no server alone, and says so', async () => {
    const { url, arrived } = await answering(() => success(report()));
    const { exitCode, stderr } = await runCli(['reconcile', '--apply', '--server', 'second'], { api: url });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('All servers are compared and mended')]);
    expect(arrived).toEqual([]);
  });

  test('gives a database to an operator, on the server that is named', async () => {
    const { url, arrived } = await answering(() => success({ released: 't_1', server: 'second' }));
    const { exitCode, stderr } = await runCli(['reconcile', '--release', 't_1', '--server', 'second'], {
      api: url,
    });
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('t_1 on second is open, and yours')]);
    expect(arrived).toMatchObject([
      { path: '/api/admin/reconcile/release-quarantined', body: { name: 't_1', server: 'second' } },
    ]);
  });

  test('is over too late: the job is named, to programs too, with exit code 3', async () => {
    const job = {
      id: jobId,
      kind: 'reconcile.plan',
      status: 'pending',
      created_at: '2026-01-01T10:00:00.000Z',
    };
    const { url } = await answering((call) =>
      success(call.path === '/api/admin/reconcile' ? { job_id: jobId, status: 'pending' } : job),
    );
    const started = Date.now();
    const { exitCode, stdout, stderr } = await runCli(['reconcile', '--wait', '1', '--json'], {
      api: url,
      now: () => new Date(started + 2 * (Date.now() - started)),
    });
    expect([exitCode, JSON.parse(stdout)]).toEqual([3, { job_id: jobId, status: 'pending' }]);
    expect(stderr).toContain(`tenant-cli jobs show ${jobId}`);
  });

  test('jobs that are not there are told by their name', async () => {
    const { url } = await answering(() => problem(404, 'not_found'));
    expect((await runCli(['jobs', 'show', jobId], { api: url })).stderr).toContain('not_found');
  });
});

describe('against api and worker processes', () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await createDeployment({ api: 1, worker: 1 });
  }, 180_000);
  afterAll(() => deployment.stop());

  function run(...args: string[]): Promise<Ended> {
    const api = createHttpAdminRequest({
      url: deployment.apis[0].origin,
      key: deployment.adminKey,
      warn: () => expect.unreachable('a local address needs no warning'),
    });
    return runCli(args, { api, stdin: 'Correct-horse-battery-7', now: () => new Date() });
  }

  test('what no row names is found, shut, dropped on demand, and told of in the jobs', async () => {
    const made = await run(
      'create',
      '--name',
      'Acme',
      '--email',
      'a@acme.example',
      '--password-stdin',
      '--json',
    );
    expect(made.exitCode, made.stderr).toBe(0);
    const { database_name: database } = JSON.parse(made.stdout);
    const clean = await run('reconcile', '--deep', '--json');
    expect(clean.exitCode, clean.stdout).toBe(0);
    expect(JSON.parse(clean.stdout).compared).toMatchObject({ servers: 1, tenants: 1 });

    const orphaned = `${deployment.environment.TENANT_DB_PREFIX}0123456789abcdef0123`;
    const [row] = (
      await runOn(deployment.server, deployment.registryName, 'SELECT database_name FROM template_copies')
    ).rows;
    await runOn(
      deployment.server,
      'postgres',
      `CREATE DATABASE ${orphaned} TEMPLATE ${row.database_name} ALLOW_CONNECTIONS false`,
    );
    const found = await run('reconcile');
    expect([found.exitCode, found.stdout]).toEqual([3, expect.stringContaining(orphaned)]);
    expect(found.stdout).not.toContain(database);
    const mended = await run('reconcile', '--apply');
    expect([mended.exitCode, mended.stdout]).toEqual([0, expect.stringContaining(`${orphaned} on default`)]);
    const kept = await run('reconcile', '--release', orphaned);
    expect(kept.exitCode, kept.stderr).toBe(0);
    const released = await run('reconcile');
    expect([released.exitCode, released.stdout]).toEqual([
      0,
      expect.stringContaining(`Released to an operator\n  ${orphaned} on default`),
    ]);
    const refused = await run('reconcile', '--drop-quarantined', orphaned);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('it was released')]);
    await runOn(
      deployment.server,
      deployment.registryName,
      'UPDATE quarantined_objects SET released_at = NULL',
    );
    const gone = await run('reconcile', '--drop-quarantined', orphaned);
    expect(gone.exitCode, gone.stderr).toBe(0);
    const { rows } = await runOn(
      deployment.server,
      'postgres',
      `SELECT datname FROM pg_database WHERE datname = '${orphaned}'`,
    );
    expect(rows).toEqual([]);

    const jobs = JSON.parse((await run('jobs', '--json')).stdout) as { id: string; kind: string }[];
    expect(jobs.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['reconcile.drop', 'reconcile.apply', 'reconcile.plan', 'tenant.provision']),
    );
    const drop = jobs.find(({ kind }) => kind === 'reconcile.drop')?.id ?? '';
    expect((await run('jobs', 'show', drop)).stdout).toContain(`"dropped": "${orphaned}"`);
    const again = await run('jobs', 'cancel', drop);
    expect([again.exitCode, again.stderr]).toEqual([1, expect.stringContaining('job_state_conflict')]);
  }, 120_000);
});
