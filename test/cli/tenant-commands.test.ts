import { afterEach, describe, expect, test } from 'vitest';
import type { AdminRequest } from '../../src/cli/admin-request.ts';
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

let api: AdminStandIn | undefined;
afterEach(async () => {
  await api?.stop();
  api = undefined;
});

async function run(args: readonly string[], answer: (call: Arrived) => CannedAnswer, more = {}) {
  api = await startAdminStandIn(answer);
  const ended = await runCli(args, { api: api.url, ...more });
  return { ...ended, arrived: api.arrived };
}

const unreached: AdminRequest = async () => {
  throw new Error('The API was asked.');
};

describe('the state of a tenant is changed', () => {
  test.each([
    ['suspend', 'is suspended.'],
    ['maintenance', 'is in maintenance.'],
    ['read-only', 'is read-only.'],
    ['activate', 'is active.'],
  ])('by %s', async (command, said) => {
    const { exitCode, stderr, arrived } = await run([command, 'acme', '--reason', 'why'], () =>
      success(tenant('acme')),
    );
    expect([exitCode, stderr]).toEqual([0, `✓ acme ${said}\n`]);
    expect(arrived).toMatchObject([
      { method: 'POST', path: `/api/admin/tenants/acme/${command}`, body: { reason: 'why' } },
    ]);
  });

  test('a refusal names the tenant that it is about', async () => {
    const { exitCode, stderr } = await run(['read-only', 'acme'], () => problem(409, 'state_conflict'));
    expect(exitCode).toBe(1);
    expect(stderr).toContain('hint:  See its state with: tenant-cli show acme\n');
  });
});

test('what is wrong with a value is said of its option, and a purge is confirmed by the real slug', async () => {
  const message = 'must be one of active, suspended';
  const refused = await run(['list', '--status', 'nope'], () =>
    problem(400, 'invalid_request', { errors: [{ path: 'status.0', message }] }),
  );
  expect([refused.exitCode, refused.stderr]).toEqual([
    2,
    expect.stringContaining(`  --status: ${message}\n`),
  ]);
  const { stderr } = await runCli(['delete', 'acme', '--purge'], { api: unreached });
  expect(stderr).toContain('hint:  Add: --confirm acme\n');
});

describe('set', () => {
  test('sends what was named, and nothing else', async () => {
    const args = ['set', 'acme', '--plan', 'pro', '--tags', 'vip, beta', '--reason', 'deal', '--json'];
    const { exitCode, stdout, arrived } = await run(args, () => success(tenant('acme', { plan: 'pro' })));
    expect([exitCode, JSON.parse(stdout).plan]).toEqual([0, 'pro']);
    expect(arrived).toMatchObject([{ method: 'PATCH', path: '/api/admin/tenants/acme' }]);
    expect(arrived[0]?.body).toEqual({ plan: 'pro', tags: ['vip', 'beta'], reason: 'deal' });
  });

  test('takes all tags away', async () => {
    const { arrived } = await run(['set', 'acme', '--tags', ''], () => success(tenant('acme')));
    expect(arrived[0]?.body).toEqual({ tags: [] });
  });

  test('of nothing is wrong usage', async () => {
    const { exitCode, stderr } = await runCli(['set', 'acme'], { api: unreached });
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('--name, --plan, --region or --tags')]);
  });
});

describe('rotate-credentials', () => {
  test('says so when it is done', async () => {
    const done = { tenant_id: 'x', slug: 'acme', rotated_at: '2026-01-01T00:00:00Z' };
    const { exitCode, stderr, arrived } = await run(['rotate-credentials', 'acme'], () => success(done));
    expect([exitCode, stderr]).toEqual([0, '✓ acme has new passwords.\n']);
    expect(arrived[0]?.headers.prefer).toBe('wait=5');
  });

  test('ends with 3 when it is not over in time, and says what to follow', async () => {
    const pending = { id: 'job-1', kind: 'x', status: 'pending', created_at: '2026-01-01T00:00:00Z' };
    let now = Date.parse('2026-01-01T00:00:00Z');
    const { exitCode, stderr } = await run(
      ['rotate-credentials', 'acme', '--wait', '1'],
      ({ method }) => (method === 'POST' ? success({ job_id: 'job-1' }) : success(pending)),
      {
        now: () => {
          now += 400;
          return new Date(now);
        },
      },
    );
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining('tenant-cli jobs show job-1')]);
  });
});

describe('clear-cache', () => {
  test.each([
    [['acme'], '/api/admin/tenants/acme/clear-cache'],
    [['--all'], '/api/admin/caches/clear'],
  ])('%j', async (args, path) => {
    const { exitCode, arrived } = await run(['clear-cache', ...args], () => success({ cleared: 'x' }));
    expect([exitCode, arrived.map((call) => call.path)]).toEqual([0, [path]]);
  });

  test.each([[[]], [['acme', '--all']]])('%j is wrong usage', async (args) => {
    expect((await runCli(['clear-cache', ...args], { api: unreached })).exitCode).toBe(2);
  });
});

const person = (email: string) => ({
  id: email,
  email,
  name: null,
  role: 'USER',
  joined_at: '2026-01-01T00:00:00Z',
});
const stuck = {
  job_id: 'job-1',
  kind: 'tenant.provision',
  status: 'pending',
  is_being_cancelled: true,
  progress: 40,
  current_step: 'create-database',
  attempts: 3,
  error: { code: 'source_database_missing', message: 'The source "twenty" does not exist.' },
  next_attempt_at: '2026-01-01T10:04:00Z',
};

describe('what is shown of a tenant', () => {
  test('says what a stuck one waits for, and that it is being cancelled', async () => {
    const { stdout } = await run(['show', 'acme'], () =>
      success(tenant('acme', { status: 'provisioning', work: stuck })),
    );
    expect(stdout).toContain('Under way\n');
    expect(stdout).toMatch(/waits for +The source "twenty" does not exist\. \(source_database_missing\)/);
    expect(stdout).toMatch(/what +being cancelled/);
    expect(stdout).toMatch(/more +tenant-cli jobs show job-1/);
  });

  test('its people come in pages', async () => {
    const { stdout, stderr } = await run(['users', 'acme', '--limit', '1'], () =>
      success([person('a@b.example')], { next_cursor: 'NEXT' }),
    );
    expect(stdout).toMatch(/^a@b\.example +- +USER +2026-01-01T00:00:00Z$/m);
    expect(stderr).toContain('--cursor NEXT');
  });

  test('info has state, people and jobs, also for programs', async () => {
    const answer = ({ path }: Arrived) => {
      if (path.endsWith('/users')) return success([person('a@b.example')], { next_cursor: null });
      if (path.endsWith('/jobs')) {
        return success([
          { id: 'job-9', kind: 'tenant.provision', status: 'completed', created_at: '2026-01-01T00:00:00Z' },
        ]);
      }
      return success(tenant('acme'));
    };
    const shown = await run(['info', 'acme'], answer);
    for (const part of ['ACME', 'a@b.example', 'job-9']) expect(shown.stdout).toContain(part);
    await api?.stop();
    const { stdout } = await run(['info', 'acme', '--json'], answer);
    expect(Object.keys(JSON.parse(stdout))).toEqual(['tenant', 'users', 'jobs']);
  });
});

test('pools shows budgets and processes, and points at the silent ones', async () => {
  const counts = {
    tenants: 2,
    connections: 5,
    leased: 4,
    idle: 1,
    waiting: 3,
    evicted_for_fairness: 1,
    evicted_for_budget: 1,
  };
  const process = {
    role: 'api',
    host: 'h1',
    application_name: 'tm-api-1',
    last_beat_at: '2026-01-01T10:00:00Z',
    is_silent: true,
    pools: counts,
    cache: { hit_rate: 0.5 },
  };
  const { exitCode, stdout, stderr } = await run(['pools'], () =>
    success({
      totals: { ...counts, processes: 1, silent_processes: 1, budget: 40 },
      budgets: [{ server: 'primary', total: 40, allowed: 8, wanted: 6, explanation: 'of 100' }],
      processes: [process],
    }),
  );
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^primary +40 +8 +6 +of 100$/m);
  expect(stdout).toMatch(/^tm-api-1 +h1 +silent, \S+ +2 +5 +4 +3 +2 +50 %$/m);
  expect(stderr).toContain('One process did not beat for 10 s');
});

test.each([
  [{ queue: null, tenants: { total: 1 } }, 'Tenants\n  total  1\n'],
  [
    { warm_databases: [], tenants: { total: 1 } },
    'Platform\n  warm databases  none\n\nTenants\n  total  1\n',
  ],
])('stats has no section without figures: %j', async (figures, shown) => {
  const { stdout } = await run(['stats'], () => success(figures));
  expect(stdout).toBe(shown);
});

describe('a command that does not exist within a group is met with the right one:', () => {
  test.each([
    ['templates', 'shw', 'show'],
    ['jobs', 'retyr', 'retry'],
    ['servers', 'drian', 'drain'],
  ])('%s %s', async (group, typed, right) => {
    const { exitCode, stderr } = await runCli([group, typed], { api: unreached });
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`unknown command '${typed}'`);
    expect(stderr).toContain(`(Did you mean ${right}?)`);
  });
});
