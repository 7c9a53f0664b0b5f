import { afterEach, describe, expect, test } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { type AdminStandIn, type Arrived, problem, startAdminStandIn, success } from './admin-stand-in.ts';
import { type Ended, runCli } from './run-cli.ts';

failOnLeaks();

let server: AdminStandIn | undefined;
afterEach(() => server?.stop());

type Canned = ReturnType<typeof success>;

async function answering(answer: (call: Arrived) => Canned): Promise<AdminStandIn> {
  server = await startAdminStandIn(answer);
  return server;
}

const copy = {
  id: '0199a0aa-0000-7000-8000-000000000001',
  server: 'default',
  status: 'ready',
  database_name: 'tm_abc123_template_1',
  size_bytes: 8_912_896,
  built_at: '2026-01-01T09:00:00.000Z',
  looked_at: '2026-01-01T10:00:00.000Z',
  drift: false,
  warm: 3,
  tenants_in_making: 2,
};
const jobId = '0199a0aa-0000-7000-8000-00000000000a';
const leftOut = 'User mapping srv for bob is not carried: it holds a password of the source.';
const template = (key: string, more: Record<string, unknown> = {}) => ({
  id: '0199a0aa-0000-7000-8000-000000000002',
  key,
  source_database: `source_of_${key}`,
  data_tables: ['public.countries'],
  created_at: '2026-01-01T08:00:00.000Z',
  trouble: null,
  drift: false,
  warm: 3,
  versions: [
    {
      id: '0199a0aa-0000-7000-8000-000000000003',
      source_fingerprint: 'abcdef012345',
      created_at: '2026-01-01T09:00:00.000Z',
      not_carried: [leftOut],
      copies: [copy],
    },
  ],
  building: [],
  ...more,
});
const missing = template('shop', {
  trouble: { code: 'source_database_missing', message: 'The source database "shop" does not exist.' },
  drift: null,
  warm: 0,
  versions: [],
});
const refreshed = (key: string, outcome: 'built' | 'unchanged') => ({
  template: key,
  servers: [{ server: 'default', outcome, version_id: null, copy_id: copy.id }],
});
const job = (more: Record<string, unknown>) => ({ id: jobId, kind: 'templates.refresh', ...more });

describe('templates', () => {
  test('shows each with its state, without a terminal in full', async () => {
    const { url } = await answering(() => success([template('default'), missing]));
    const { exitCode, stdout, stderr } = await runCli(['templates'], { api: url });
    expect([exitCode, stderr]).toEqual([0, '']);
    const rows = stdout.trimEnd().split('\n');
    expect(rows.map((row) => row.split(/ {2,}/))).toEqual([
      ['KEY', 'SOURCE', 'STATE', 'VERSION', 'NOT CARRIED', 'WARM', 'LOOKED AT'],
      ['default', 'source_of_default', 'up to date', 'abcdef012345', '1', '3', '2026-01-01T10:00:00Z'],
      ['shop', 'source_of_shop', 'source_database_missing', '-', '0', '0', '-'],
    ]);
  });

  test.each([
    ['source changed', { drift: true }],
    ['not built', { drift: null, versions: [] }],
    ['building', { drift: null, versions: [], building: [{ ...copy, status: 'building', warm: 0 }] }],
  ])('says "%s" of what is like that', async (state, more) => {
    const { url } = await answering(() => success([template('default', more)]));
    expect((await runCli(['templates', 'list'], { api: url })).stdout).toContain(state);
  });

  test('gives programs what the API gave', async () => {
    const data = [template('default'), missing];
    const { url } = await answering(() => success(data));
    expect(JSON.parse((await runCli(['templates', '--json'], { api: url })).stdout)).toEqual(data);
  });

  test('never writes a line wider than the terminal', async () => {
    const { url } = await answering(() => success([template('default'), missing]));
    for (const columns of [100, 60, 40]) {
      const { stdout } = await runCli(['templates'], { api: url, terminal: true, noColor: true, columns });
      for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(columns);
    }
  });
});

describe('templates show', () => {
  test('tells of versions, copies, and every single thing that is not carried', async () => {
    const { url, arrived } = await answering(() => success(template('default')));
    const { exitCode, stdout } = await runCli(['templates', 'show', 'default'], { api: url });
    expect(exitCode).toBe(0);
    expect(arrived[0]?.path).toBe('/api/admin/templates/default');
    expect(stdout).toMatch(/^ {2}source database +source_of_default$/m);
    expect(stdout).toMatch(/^ {2}data tables +public\.countries$/m);
    expect(stdout).toMatch(/^default +ready +abcdef012345 +8\.5 MB .* 3 +2 +tm_abc123_template_1$/m);
    expect(stdout).toContain('Not carried (1 thing)');
    expect(stdout).toContain(`  - ${leftOut}\n`);
  });

  test('tells what is in the way', async () => {
    const { url } = await answering(() => success(missing));
    const { stdout } = await runCli(['templates', 'show', 'shop'], { api: url });
    expect(stdout).toMatch(/^ {2}trouble +The source database "shop" does not exist\.$/m);
  });

  test('fails for one that is not there', async () => {
    const { url } = await answering(() => problem(404, 'not_found'));
    const { exitCode, stderr } = await runCli(['templates', 'show', 'nothing'], { api: url });
    expect(exitCode).toBe(1);
    expect(stderr).toContain('not_found');
  });
});

describe('templates refresh', () => {
  const refresh = (url: string, ...args: string[]): Promise<Ended> =>
    runCli(['templates', 'refresh', ...args], { api: url, now: () => new Date() });

  test('says that nothing has changed', async () => {
    const { url, arrived } = await answering(() => success(refreshed('default', 'unchanged')));
    const { exitCode, stderr } = await refresh(url, 'default');
    expect(exitCode).toBe(0);
    expect(stderr).toBe('✓ default: nothing has changed.\n');
    expect(arrived[0]).toMatchObject({ method: 'POST', path: '/api/admin/templates/default/refresh' });
    expect(arrived[0]?.headers.prefer).toBe('wait=3');
  });

  test('follows the job, and says what is not carried by the new version', async () => {
    const states = ['pending', 'processing'];
    const { url } = await answering(({ method, path }) => {
      if (method === 'POST') return success({ job_id: jobId, status: 'pending' });
      if (path === '/api/admin/templates/default') return success(template('default'));
      const status = states.shift();
      if (status !== undefined) return success(job({ status }));
      return success(job({ status: 'completed', result: refreshed('default', 'built') }));
    });
    const { exitCode, stderr } = await refresh(url, 'default');
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      '✓ default: a new version was built.\n1 thing of the source is not carried. See: tenant-cli templates show default\n',
    );
  });

  test('fails with what is in the way', async () => {
    const error = { code: 'source_database_missing', message: 'It does not exist.' };
    const { url } = await answering(({ method }) =>
      success(method === 'POST' ? { job_id: jobId } : job({ status: 'failed', error })),
    );
    const { exitCode, stderr } = await refresh(url, 'shop');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('It does not exist.');
    expect(stderr).toContain('source_database_missing');
    expect(stderr).toContain('tenant-cli templates show shop');
  });

  test('without a key it takes all, and trouble with one keeps none of the others', async () => {
    const error = { code: 'source_database_missing', message: 'It does not exist.' };
    const { url } = await answering(({ method, path }) => {
      if (path === '/api/admin/templates') return success([missing, template('default')]);
      if (path.startsWith('/api/admin/jobs/')) return success(job({ status: 'failed', error }));
      expect(method).toBe('POST');
      return success(path.includes('shop') ? { job_id: jobId } : refreshed('default', 'unchanged'));
    });
    const { exitCode, stdout, stderr } = await refresh(url, '--json');
    expect(exitCode).toBe(1);
    expect(stderr).toBe('✗ shop: It does not exist.\n✓ default: nothing has changed.\n');
    expect(JSON.parse(stdout)).toEqual([refreshed('default', 'unchanged')]);
  });

  test('does not wait when told so, and ends as partly done when the wait is over', async () => {
    const { url, arrived } = await answering(({ method }) =>
      success(method === 'POST' ? { job_id: jobId } : job({ status: 'processing' })),
    );
    const asked = await refresh(url, 'default', '--wait', '0');
    expect(asked.exitCode).toBe(0);
    expect(arrived).toHaveLength(1);
    expect(arrived[0]?.headers.prefer).toBe('respond-async');
    const waited = await refresh(url, 'default', '--wait', '1');
    expect(waited.exitCode).toBe(3);
    expect(waited.stderr).toContain('goes on after 1 s');
  });
});

describe('templates add', () => {
  test('sends source and tables, and waits until it is built', async () => {
    const { url, arrived } = await answering(({ method, path }) => {
      if (method === 'POST') return { ...success({ ...template('shop'), job_id: jobId }), status: 201 };
      if (path.startsWith('/api/admin/jobs/'))
        return success(job({ status: 'completed', result: refreshed('shop', 'built') }));
      return success(template('shop'));
    });
    const args = [
      'templates',
      'add',
      'shop',
      '--source-database',
      'shop',
      '--data-tables',
      'public.a, public.b',
    ];
    const { exitCode, stdout, stderr } = await runCli([...args, '--json'], { api: url });
    expect(exitCode).toBe(0);
    expect(arrived[0]?.body).toEqual({
      key: 'shop',
      source_database: 'shop',
      data_tables: ['public.a', 'public.b'],
    });
    expect(stderr).toContain('✓ shop is built.');
    expect(JSON.parse(stdout)).toEqual(template('shop'));
  });

  test('says which option is wrong', async () => {
    const { url } = await answering(() =>
      problem(400, 'invalid_request', {
        errors: [{ path: 'body.source_database', message: 'is a tenant’s' }],
      }),
    );
    const { exitCode, stderr } = await runCli(['templates', 'add', 'x', '--source-database', 'y'], {
      api: url,
    });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^ {2}--source-database: is a tenant’s$/m);
  });
});
