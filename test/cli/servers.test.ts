import { afterEach, describe, expect, test } from 'vitest';
import {
  type AdminStandIn,
  type Arrived,
  type CannedAnswer,
  problem,
  startAdminStandIn,
  success,
} from './admin-stand-in.ts';
import { runCli } from './run-cli.ts';

const id = '0199a0aa-0000-7000-8000-000000000001';
const jobId = '0199a0aa-0000-7000-8000-000000000002';
const password = 'the-password-of-the-server';

const server = (name: string, more: object = {}) => ({
  id,
  name,
  host: '10.0.0.12',
  port: 5432,
  tls: 'require',
  region: 'eu',
  status: 'open',
  is_from_environment: false,
  weight: 1,
  capacity_databases: 1000,
  capacity_bytes: null,
  tenants: 12,
  warm: 3,
  template_copies: 1,
  quarantined: 0,
  used_bytes: 8_912_896,
  budget: {
    total: 74,
    allowed: 30,
    wanted: 40,
    explanation: '100 less 26 for others',
    looked_at: '2026-01-01T10:00:00.000Z',
  },
  version: '18.6',
  checked_at: '2026-01-01T09:00:00.000Z',
  trouble: null,
  created_at: '2026-01-01T08:00:00.000Z',
  ...more,
});
const trouble = { code: 'server_unfit', message: 'It cannot be reached.' };

let standIn: AdminStandIn | undefined;
afterEach(async () => {
  await standIn?.stop();
  standIn = undefined;
});
async function answering(answer: (call: Arrived) => CannedAnswer) {
  standIn = await startAdminStandIn(answer);
  return standIn;
}

describe('servers', () => {
  test('are listed with how full they are', async () => {
    const { url } = await answering(() =>
      success([
        server('eu-1'),
        server('eu-2', { status: 'unchecked', trouble, budget: null, version: null }),
      ]),
    );
    const { exitCode, stdout } = await runCli(['servers'], { api: url });
    expect(exitCode).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((row) => row.trim().split(/ {2,}/)),
    ).toEqual([
      ['NAME', 'STATUS', 'ADDRESS', 'REGION', 'VERSION', 'TENANTS', 'WARM', 'CAPACITY', 'CONNECTIONS'],
      ['eu-1', 'open', '10.0.0.12:5432', 'eu', '18.6', '12', '3', '1,000', '30 of 74'],
      ['eu-2', 'server_unfit', '10.0.0.12:5432', 'eu', '-', '12', '3', '1,000', '-'],
    ]);
  });

  test('are given to programs as the API gave them', async () => {
    const data = [server('eu-1')];
    const { url } = await answering(() => success(data));
    expect(JSON.parse((await runCli(['servers', '--json'], { api: url })).stdout)).toEqual(data);
  });

  test('never make a line wider than the terminal', async () => {
    const { url } = await answering(() => success([server('a-server-with-quite-a-long-name')]));
    for (const columns of [100, 60, 40]) {
      const { stdout } = await runCli(['servers'], { api: url, terminal: true, noColor: true, columns });
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
    }
  });

  test('show tells where the budget of one comes from', async () => {
    const { url, arrived } = await answering(() => success(server('eu-1')));
    const { stdout } = await runCli(['servers', 'show', 'eu-1'], { api: url });
    expect(arrived[0]?.path).toBe('/api/admin/servers/eu-1');
    expect(stdout).toMatch(
      /^ {2}connections +tenants may have 74; processes have 30 .*100 less 26 for others/m,
    );
    expect(stdout).toMatch(/^ {2}databases +15 of 1,000$/m);
  });

  test.each([
    ['drain', { status: 'draining' }],
    ['activate', { status: 'open' }],
  ])('%s changes the status', async (command, body) => {
    const { url, arrived } = await answering(() => success(server('eu-1')));
    const { exitCode, stderr } = await runCli(['servers', command, 'eu-1'], { api: url });
    expect(exitCode).toBe(0);
    expect(arrived).toMatchObject([{ method: 'PATCH', path: '/api/admin/servers/eu-1', body }]);
    expect(stderr).toMatch(/^✓ eu-1 takes/);
  });

  test('set sends what was given, and nothing else', async () => {
    const { url, arrived } = await answering(() => success(server('eu-1')));
    await runCli(['servers', 'set', 'eu-1', '--capacity', '7', '--weight', '0'], { api: url });
    expect(arrived[0]?.body).toEqual({ capacity_databases: 7, weight: 0 });
  });
});

describe('servers add', () => {
  const add = (url: string, args: readonly string[], more: object = {}) =>
    runCli(['servers', 'add', 'eu-2', '--host', '10.0.0.12', '--user', 'postgres', ...args], {
      api: url,
      now: () => new Date(),
      ...more,
    });

  test('takes the password from stdin, waits for the test, and shows the password nowhere', async () => {
    const { url, arrived } = await answering(({ method, path }) => {
      if (method === 'POST') {
        return { ...success({ ...server('eu-2', { status: 'unchecked' }), job_id: jobId }), status: 201 };
      }
      if (path === `/api/admin/jobs/${jobId}`) {
        return success({
          id: jobId,
          kind: 'servers.check',
          status: 'completed',
          created_at: '2026-01-01T10:00:00Z',
          result: {
            server: 'eu-2',
            version: '18.6',
            connections: 100,
            login: 'postgres',
            not_compared_with: [],
          },
        });
      }
      return success(server('eu-2'));
    });
    const ended = await add(url, ['--tls', 'require', '--capacity', '9', '--password-stdin', '--json'], {
      stdin: `${password}\n`,
    });
    expect(ended.exitCode).toBe(0);
    expect(arrived[0]).toMatchObject({
      method: 'POST',
      path: '/api/admin/servers',
      body: {
        name: 'eu-2',
        host: '10.0.0.12',
        port: 5432,
        tls: { mode: 'require' },
        capacity_databases: 9,
        admin_user: 'postgres',
        admin_password: password,
      },
    });
    expect(ended.stderr).toContain('✓ eu-2 (PostgreSQL 18.6) takes tenants.');
    expect(JSON.parse(ended.stdout)).toMatchObject({ name: 'eu-2', status: 'open' });
    expect(ended.stdout + ended.stderr).not.toContain(password);
  });

  test('takes no password as an argument', async () => {
    const { url, arrived } = await answering(() => success(server('eu-2')));
    const ended = await add(url, ['--password', password]);
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toContain('--password-stdin');
    expect(ended.stderr).not.toContain(password);
    expect(arrived).toEqual([]);
  });

  test('fails with what the test found', async () => {
    const { url } = await answering(({ method }) =>
      method === 'POST'
        ? { ...success({ ...server('eu-2', { status: 'unchecked' }), job_id: jobId }), status: 201 }
        : success({
            id: jobId,
            kind: 'servers.check',
            status: 'failed',
            created_at: '2026-01-01T10:00:00Z',
            error: trouble,
          }),
    );
    const ended = await add(url, ['--password-stdin'], { stdin: password });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain('It cannot be reached.');
  });

  test('says which option is wrong', async () => {
    const { url } = await answering(() =>
      problem(400, 'invalid_request', { errors: [{ path: 'host', message: 'must be within something' }] }),
    );
    const ended = await add(url, ['--password-stdin'], { stdin: password });
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toMatch(/^ {2}--host: must be within something$/m);
  });
});

describe('servers remove', () => {
  test('says what is in the way', async () => {
    const { url } = await answering(() => problem(409, 'server_in_use'));
    const { exitCode, stderr } = await runCli(['servers', 'remove', 'eu-2'], { api: url });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('server_in_use');
  });

  test('need not be waited for', async () => {
    const { url, arrived } = await answering(() => ({
      ...success({ job_id: jobId, status: 'pending' }),
      status: 202,
    }));
    const { exitCode, stderr } = await runCli(['servers', 'remove', 'eu-2', '--wait', '0'], { api: url });
    expect(exitCode).toBe(0);
    expect(arrived).toMatchObject([{ method: 'DELETE', path: '/api/admin/servers/eu-2' }]);
    expect(arrived[0]?.headers.prefer).toBe('respond-async');
    expect(stderr).toContain(`tenant-cli jobs show ${jobId}`);
  });

  test('tells when it is done', async () => {
    const { url } = await answering(() => success({ server: 'eu-2', templates_dropped: 1 }));
    const { exitCode, stderr } = await runCli(['servers', 'remove', 'eu-2'], { api: url });
    expect([exitCode, stderr]).toEqual([0, '✓ eu-2 is no longer in the list.\n']);
  });
});
