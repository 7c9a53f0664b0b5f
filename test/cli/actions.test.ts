import { afterEach, describe, expect, test } from 'vitest';
import { errors } from '../../src/errors/catalogue.ts';
import { failOnLeaks } from '../support/leaks.ts';
import {
  type AdminStandIn,
  type Arrived,
  type CannedAnswer,
  problem,
  startAdminStandIn,
  success,
  tenant,
} from './admin-stand-in.ts';
import { runCli } from './run-cli.ts';

failOnLeaks();

let server: AdminStandIn | undefined;
afterEach(() => server?.stop());

async function answering(answer: (call: Arrived) => CannedAnswer): Promise<AdminStandIn> {
  server = await startAdminStandIn(answer);
  return server;
}

describe('show', () => {
  test('tells everything about a tenant that has a value', async () => {
    const shown = tenant('acme', {
      status: 'suspended',
      status_reason: 'Unpaid',
      suspended_at: '2026-01-01T10:01:00.5Z',
    });
    const { url, arrived } = await answering(() => success(shown));
    const { exitCode, stdout } = await runCli(['show', 'acme'], { api: url });
    expect(exitCode).toBe(0);
    expect(arrived[0]?.path).toBe('/api/admin/tenants/acme');
    expect(stdout.split('\n')[0]).toBe('ACME');
    expect(stdout).toMatch(/^ {2}status reason +Unpaid$/m);
    expect(stdout).toMatch(/^ {2}database size +8\.5 MB$/m);
    expect(stdout).toMatch(/^ {2}suspended +2026-01-01T10:01:00Z$/m);
    expect(stdout).not.toMatch(/last activity|schema version/);
  });

  test('a name with a slash is one part of the path', async () => {
    const { url, arrived } = await answering(() => problem(404, 'tenant_not_found'));
    const { exitCode, stderr } = await runCli(['show', '../stats?x'], { api: url });
    expect(exitCode).toBe(1);
    expect(arrived[0]?.path).toBe('/api/admin/tenants/..%2Fstats%3Fx');
    expect(stderr).toContain('tenant-cli list');
    expect(stderr).toContain('request id request-4711');
  });
});

describe('suspend, activate and retry', () => {
  test.each([
    [
      ['suspend', 'acme', '--reason', 'Unpaid'],
      'suspend',
      { body: { reason: 'Unpaid' }, said: 'is suspended' },
    ],
    [['suspend', 'acme'], 'suspend', { body: {}, said: 'is suspended' }],
    [['activate', 'acme'], 'activate', { body: {}, said: 'is active' }],
  ])('%j asks for it and says that it is done', async (args, action, { body, said }) => {
    const { url, arrived } = await answering(() => success(tenant('acme')));
    const { exitCode, stdout, stderr } = await runCli(args, { api: url });
    expect(exitCode).toBe(0);
    expect(arrived).toHaveLength(1);
    expect(arrived[0]).toMatchObject({ method: 'POST', path: `/api/admin/tenants/acme/${action}`, body });
    expect(stdout).toBe('');
    expect(stderr).toContain(`acme ${said}`);
  });

  test('a tenant in another state is left alone, and the person is told', async () => {
    const { url } = await answering(() => problem(409, 'state_conflict', { title: 'State conflict' }));
    const { exitCode, stderr } = await runCli(['activate', 'acme'], { api: url });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('error: State conflict. Detail of state_conflict.');
    expect(stderr).toContain('code state_conflict, request id request-4711');
  });

  test('retry waits for the new run', async () => {
    const { url, arrived } = await answering(({ method, path }) => {
      if (method === 'POST')
        return { ...success({ provisioning_id: 'r1', tenant_id: 't', slug: 'acme' }), status: 202 };
      return path.includes('provisioning-status')
        ? success({ status: 'completed' })
        : success(tenant('acme'));
    });
    const { exitCode, stderr } = await runCli(['retry', 'acme'], { api: url });
    expect(exitCode).toBe(0);
    expect(arrived.map(({ path }) => path)).toContain('/api/auth/provisioning-status/r1');
    expect(stderr).toContain('acme is active.');
  });

  test('answers with the data as JSON', async () => {
    const { url } = await answering(() => success(tenant('acme', { status: 'suspended' })));
    const { stdout } = await runCli(['suspend', 'acme', '--json'], { api: url });
    expect(JSON.parse(stdout)).toEqual(tenant('acme', { status: 'suspended' }));
  });
});

describe('undelete and cancel', () => {
  test('undelete says what the tenant is again', async () => {
    const { url, arrived } = await answering(() => success(tenant('acme', { status: 'read_only' })));
    const { exitCode, stderr } = await runCli(['undelete', 'acme'], { api: url });
    expect(exitCode).toBe(0);
    expect(arrived[0]).toMatchObject({ method: 'POST', path: '/api/admin/tenants/acme/undelete' });
    expect(stderr).toContain('acme is read only again.');
  });

  const cancelling = (status: string) => (call: Arrived) =>
    call.method === 'POST'
      ? { ...success({ provisioning_id: 'r1', tenant_id: 't', slug: 'acme' }), status: 202 }
      : success({ status, error: { code: 'verification_failed', message: 'Something is left.' } });

  test.each([
    ['cancelled', 0, 'acme is cancelled.'],
    ['completed', 0, 'acme is cancelled.'],
    ['failed', 1, 'Something is left.'],
  ])('cancel waits for the run, which ends as %s', async (status, code, said) => {
    const { url, arrived } = await answering(cancelling(status));
    const ended = await runCli(['cancel', 'acme', '--reason', 'twice'], { api: url });
    expect(ended.exitCode).toBe(code);
    expect(arrived[0]).toMatchObject({ path: '/api/admin/tenants/acme/cancel', body: { reason: 'twice' } });
    expect(ended.stderr).toContain(said);
  });

  test('cancel that takes longer is partly done', async () => {
    const { url } = await answering(cancelling('processing'));
    const ended = await runCli(['cancel', 'acme', '--wait', '1'], { api: url, now: () => new Date() });
    expect(ended.exitCode).toBe(3);
    expect(ended.stderr).toContain('acme is being cancelled');
  });
});

describe('delete', () => {
  test('keeps the data, and says until when', async () => {
    const { url, arrived } = await answering(() =>
      success(tenant('acme', { status: 'deleting', purge_after: '2026-01-08T10:00:00.000Z' })),
    );
    const { exitCode, stderr } = await runCli(['delete', 'acme', '--grace-days', '7'], { api: url });
    expect(exitCode).toBe(0);
    expect(arrived[0]).toMatchObject({ method: 'DELETE', query: { grace_days: '7' } });
    expect(stderr).toContain('kept until 2026-01-08T10:00:00Z');
    expect(stderr).toContain('tenant-cli undelete acme');
  });

  const purged = ({ method }: Arrived) =>
    method === 'DELETE'
      ? { ...success({ provisioning_id: 'r', slug: 'acme' }), status: 202 }
      : success(tenant('acme'));

  test('--purge destroys it when the slug is given once more', async () => {
    const { url, arrived } = await answering(purged);
    const { exitCode } = await runCli(['delete', 'acme', '--purge', '--confirm', 'acme'], { api: url });
    expect(exitCode).toBe(0);
    expect(arrived[0]?.query).toEqual({ purge: 'true', confirm: 'acme' });
  });

  test('--purge asks on a terminal, and goes on when the slug is typed', async () => {
    const { url, arrived } = await answering(purged);
    const ended = await runCli(['delete', 'acme', '--purge'], {
      api: url,
      terminal: true,
      stdin: ['acme\r'],
    });
    expect(ended.exitCode).toBe(0);
    expect(ended.stderr).toContain('This destroys the database of ACME');
    expect(arrived.map(({ method }) => method)).toEqual(['GET', 'DELETE']);
  });

  test.each(['acm\r', 'ACME\r', '\r', '\u0004'])('--purge does nothing when %j is typed', async (typed) => {
    const { url, arrived } = await answering(purged);
    const ended = await runCli(['delete', 'acme', '--purge'], { api: url, terminal: true, stdin: [typed] });
    expect(ended.exitCode).toBe(1);
    expect(arrived.map(({ method }) => method)).toEqual(['GET']);
  });

  test.each([
    ['--purge without a terminal and without --confirm', ['--purge']],
    ['--purge together with --grace-days', ['--purge', '--grace-days', '3', '--confirm', 'acme']],
    ['--confirm without --purge', ['--confirm', 'acme']],
    ['a negative number of days', ['--grace-days', '-1']],
  ])('%s is wrong usage', async (_what, options) => {
    const { url, arrived } = await answering(purged);
    expect((await runCli(['delete', 'acme', ...options], { api: url })).exitCode).toBe(2);
    expect(arrived).toEqual([]);
  });
});

describe('stats and health', () => {
  const figures = {
    tenants: { total: 120, by_status: { active: 118, failed: 2 }, by_plan: { free: 120 } },
    registrations_per_day: [
      { date: '2025-12-31', count: 0 },
      { date: '2026-01-01', count: 12 },
    ],
    database_size_bytes: 1_572_864,
    warm_databases: [{ server: 'default', template: 'crm', ready: 3, warming: 0, retiring: 1 }],
    queue: null,
  };

  test('stats shows groups, sizes and lists of any name', async () => {
    const { url } = await answering(() => success(figures));
    const { exitCode, stdout } = await runCli(['stats'], { api: url });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^ {2}database size +1\.5 MB$/m);
    expect(stdout).toMatch(/^ {2}by status +active 118, failed 2$/m);
    expect(stdout).toMatch(/^2026-01-01 +12$/m);
    expect(stdout).toMatch(
      /^Warm databases\nSERVER +TEMPLATE +READY +WARMING +RETIRING\ndefault +crm +3 +0 +1$/m,
    );
    const json = await runCli(['stats', '--json'], { api: url });
    expect(JSON.parse(json.stdout)).toEqual(figures);
  });

  test.each([
    ['healthy', 200, 0],
    ['degraded', 200, 0],
    ['unhealthy', 503, 1],
  ])('%s ends with %i as %i', async (status, httpStatus, exitCode) => {
    const body = { status, service: 'tenant-manager', checks: { registry: 'ok' } };
    const { url } = await answering(() => ({ status: httpStatus, body }));
    const shown = await runCli(['health'], { api: url });
    expect(shown.exitCode).toBe(exitCode);
    expect(shown.stdout).toMatch(new RegExp(`^ {2}status +${status}$`, 'm'));
    expect(shown.stdout).toMatch(/^ {2}registry +ok$/m);
    expect(JSON.parse((await runCli(['health', '--json'], { api: url })).stdout)).toEqual(body);
  });

  test('a problem in place of the health is a failure', async () => {
    const { url } = await answering(() => problem(503, 'shutting_down'));
    const { exitCode, stderr } = await runCli(['health'], { api: url });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('shutting_down');
  });
});

describe('super-admin create', () => {
  const args = ['super-admin', 'create', '--email', 'root@example.com'];

  test('hands over address, name and password, and shows no password', async () => {
    const given: unknown[] = [];
    const ended = await runCli([...args, '--name', 'Root', '--password-stdin', '--json'], {
      stdin: 'Correct-horse-7',
      createSuperAdmin: async (input) => {
        given.push(input);
        return { id: 'u1', email: input.email };
      },
    });
    expect(ended.exitCode).toBe(0);
    expect(given).toEqual([{ email: 'root@example.com', name: 'Root', password: 'Correct-horse-7' }]);
    expect(JSON.parse(ended.stdout)).toEqual({ id: 'u1', email: 'root@example.com' });
    expect(ended.stderr).not.toContain('Correct-horse-7');
  });

  test('says over HTTP where it works, before it asks for a password', async () => {
    const ended = await runCli([...args, '--password-stdin'], { stdin: 'Correct-horse-7' });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain('without TENANT_MANAGER_URL');
  });

  test('tells what the platform refuses, by code', async () => {
    const ended = await runCli([...args, '--password-stdin'], {
      stdin: 'Correct-horse-7',
      createSuperAdmin: async () => {
        throw errors.emailTaken();
      },
    });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain('code email_taken');
  });
});
