import { afterEach, describe, expect, test } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { type AdminStandIn, type Arrived, problem, startAdminStandIn, success } from './admin-stand-in.ts';
import { type Ended, runCli } from './run-cli.ts';

failOnLeaks();

let server: AdminStandIn | undefined;
afterEach(() => server?.stop());

type Canned = ReturnType<typeof success>;

async function doctor(answer: (call: Arrived) => Canned, ...args: string[]) {
  server = await startAdminStandIn(answer);
  const ended: Ended = await runCli(['doctor', ...args], { api: server.url, now: () => new Date() });
  return { ...ended, arrived: server.arrived };
}

const jobId = '0199a0aa-0000-7000-8000-00000000000a';
const check = (name: string, status: string, more: Record<string, unknown> = {}) => ({
  check: name,
  status,
  subject: 'installation',
  detail: `Detail of ${name}.`,
  remedy: null,
  fixable: false,
  ...more,
});
const checks = [
  check('server.version', 'warning', {
    subject: 'default',
    detail: 'PostgreSQL 15.18 is below 15.19.',
    remedy: 'Install 15.19.',
  }),
  check('registry.migrations', 'ok', { subject: 'registry', detail: 'All migrations are applied.' }),
  check('server.open_databases', 'problem', {
    subject: 'default',
    remedy: 'tenant-cli doctor --fix',
    fixable: true,
  }),
  check('strange.new', 'unknown'),
];
const report = (more: Record<string, unknown> = {}) => ({
  by: 'worker',
  looked_at: '2026-01-01T10:00:00.000Z',
  checks,
  fixed: [],
  summary: { ok: 1, warning: 1, problem: 1, unknown: 1 },
  ...more,
});
const well = report({ checks: checks.slice(0, 2) });

describe('doctor', () => {
  test('shows what was found in groups, with what to do, and ends with the sums', async () => {
    const { exitCode, stdout, stderr, arrived } = await doctor(() => success(report()));
    expect(stdout).toBe(`Registry
  ✓ All migrations are applied.

Database servers
  ! default: PostgreSQL 15.18 is below 15.19.
    → Install 15.19.
  ✗ default: Detail of server.open_databases.
    → tenant-cli doctor --fix

strange
  ? Detail of strange.new.

1 problem, 1 warning, 1 unknown, 1 in order. tenant-cli doctor --fix mends 1 of them.
`);
    expect([exitCode, stderr]).toEqual([3, '']);
    expect(arrived[0]).toMatchObject({ method: 'GET', path: '/api/admin/doctor' });
  });

  test('is content with warnings', async () => {
    const { exitCode, stdout } = await doctor(() => success(well));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\n0 problems, 1 warning, 0 unknown, 1 in order\.\n$/);
  });

  test('gives programs what the API gave', async () => {
    const { exitCode, stdout } = await doctor(() => success(report()), '--json');
    expect(exitCode).toBe(3);
    expect(JSON.parse(stdout)).toEqual(report());
  });

  test('tells what it has mended', async () => {
    const fixed = [{ subject: 'default', detail: 'PUBLIC may not enter erp any more.' }];
    const { exitCode, stdout, arrived } = await doctor(() => success({ ...well, fixed }), '--fix');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^Mended\n {2}✓ default: PUBLIC may not enter erp any more\.\n/);
    expect(arrived[0]).toMatchObject({ method: 'POST', path: '/api/admin/doctor/fix' });
  });

  test('follows the job when it takes its time', async () => {
    const states = ['pending', 'processing'];
    const { exitCode, stdout } = await doctor(({ path }) => {
      if (path === '/api/admin/doctor') return success({ job_id: jobId, status: 'pending' });
      const status = states.shift();
      return success(status === undefined ? { status: 'completed', result: well } : { status });
    });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('All migrations are applied.');
  });

  test('shows what the API sees by itself when no worker answers', async () => {
    const alone = report({
      by: 'api',
      checks: [check('workers.sweeper', 'problem', { detail: 'No worker is alive.' })],
    });
    const { exitCode, stdout, stderr, arrived } = await doctor(
      ({ path, query }) => {
        if (path.startsWith('/api/admin/jobs/')) return success({ status: 'pending' });
        return success(query.here === 'true' ? alone : { job_id: jobId, status: 'pending' });
      },
      '--wait',
      '1',
    );
    expect(exitCode).toBe(3);
    expect(stderr).toBe('No worker has answered after 1 s. This is what the API sees without one:\n');
    expect(stdout).toContain('✗ No worker is alive.');
    expect(stdout).toMatch(/No worker looked, so that nothing is known of the database servers\.\n$/);
    expect(arrived.at(-1)?.query).toEqual({ here: 'true' });
  });

  test('fails when the look itself did', async () => {
    const error = { code: 'internal_error', message: 'It broke.' };
    const { exitCode, stderr } = await doctor(({ path }) =>
      success(path === '/api/admin/doctor' ? { job_id: jobId } : { status: 'failed', error }),
    );
    expect(exitCode).toBe(1);
    expect(stderr).toContain('It broke.');
  });

  test('fails when the API does', async () => {
    const { exitCode } = await doctor(() => problem(401, 'not_authenticated'));
    expect(exitCode).toBe(1);
  });

  test('lets a terminal obey nothing that a name says', async () => {
    const evil = check('server.reachable', 'problem', { detail: 'erp\u001b[2J' });
    const { stdout } = await doctor(() => success(report({ checks: [evil] })));
    expect(stdout).toContain('erp\\x1b[2J');
  });
});
