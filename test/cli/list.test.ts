import { afterEach, describe, expect, test } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { type AdminStandIn, type Arrived, startAdminStandIn, success, tenant } from './admin-stand-in.ts';
import { adminKey, runCli } from './run-cli.ts';

failOnLeaks();

let server: AdminStandIn | undefined;
afterEach(() => server?.stop());

async function withTenants(answer: (call: Arrived) => ReturnType<typeof success>): Promise<AdminStandIn> {
  server = await startAdminStandIn(answer);
  return server;
}

const two = [tenant('acme-corp'), tenant('globex', { status: 'suspended', users: 1_234, plan: 'pro' })];

describe('without a terminal', () => {
  test('writes aligned lines with full values and no colours', async () => {
    const { url } = await withTenants(() => success(two, { next_cursor: null }));
    const { exitCode, stdout, stderr } = await runCli(['list'], { api: url });
    expect(exitCode).toBe(0);
    const lines = stdout.split('\n');
    expect(lines[0]?.split(/ {2,}/)).toEqual(['SLUG', 'NAME', 'STATUS', 'PLAN', 'USERS', 'SIZE', 'CREATED']);
    expect(lines[1]?.split(/ {2,}/)).toEqual([
      'acme-corp',
      'ACME-CORP',
      'active',
      'free',
      '1',
      '8.5 MB',
      '2026-01-01T10:00:00Z',
    ]);
    expect(lines[2]).toContain('1,234');
    expect(lines.map((line) => line.indexOf('2026-01-01'))).toEqual([
      -1,
      lines[0]?.indexOf('CREATED'),
      lines[0]?.indexOf('CREATED'),
      -1,
    ]);
    expect(stdout).not.toContain('\u001b');
    expect(stderr).toBe('');
  });

  test('cuts nothing, however long it is', async () => {
    const name = 'A very long name '.repeat(14).trim();
    const { url } = await withTenants(() => success([tenant('acme', { name })], { next_cursor: null }));
    expect((await runCli(['list'], { api: url, columns: 40 })).stdout).toContain(name);
  });
});

describe('on a terminal', () => {
  test('shows ages, and colours the state', async () => {
    const { url } = await withTenants(() => success(two, { next_cursor: null }));
    const { stdout, stderr } = await runCli(['list'], { api: url, terminal: true });
    expect(stdout).toContain('2 minutes ago');
    expect(stdout).toContain('\u001b[32mactive\u001b[39m');
    expect(stdout).toContain('\u001b[33msuspended\u001b[39m');
    expect(stderr).toContain('2 tenants');
  });

  test('has no colours for those who want none', async () => {
    const { url } = await withTenants(() => success(two, { next_cursor: null }));
    const { stdout, stderr } = await runCli(['list'], { api: url, terminal: true, noColor: true });
    // The line that clears the progress is no colour, and a list of one page has none.
    expect(stdout + stderr).not.toContain('\u001b');
    expect(stdout).toContain('2 minutes ago');
  });

  test.each([100, 80, 60, 40, 24])('never writes a line of more than %i columns', async (columns) => {
    const wide = [
      tenant('nihon-ga-dekiru-hito', { name: '日本語の会社 株式会社 🎉 とても長い名前の組織 株式会社' }),
      tenant('a-slug-with-as-many-as-forty-characters-x', { status: 'awaiting_verification' }),
    ];
    const { url } = await withTenants(() => success(wide, { next_cursor: null }));
    const { stdout } = await runCli(['list'], { api: url, terminal: true, noColor: true, columns });
    for (const line of stdout.split('\n'))
      expect(cells(line), line).toBeLessThanOrEqual(Math.max(columns, 35));
    expect(stdout).toMatch(/…/);
    expect(stdout).toContain('awaiting_verification');
  });

  test('says how much of the list is shown', async () => {
    const { url, arrived } = await withTenants(() => success(two, { next_cursor: 'next', total: 12_345 }));
    const { stderr } = await runCli(['list'], { api: url, terminal: true, noColor: true });
    expect(stderr).toContain('2 tenants shown of 12,345. More with: --cursor next, or all with: --all');
    expect(arrived[0]?.query.count).toBe('true');
  });
});

/** Counted apart from the code under test: two cells for CJK and emoji, one for the rest of this test's text. */
function cells(line: string): number {
  return [...line].reduce((sum, character) => sum + (/[\u3000-\u9fff🎉]/u.test(character) ? 2 : 1), 0);
}

test('hands the filters on', async () => {
  const { url, arrived } = await withTenants(() => success([], { next_cursor: null }));
  const args = ['--status', 'failed', '--plan', 'pro', '--q', 'a&b', '--limit', '7', '--cursor', 'abc'];
  const { exitCode, stdout, stderr } = await runCli(['list', ...args], { api: url });
  expect(exitCode).toBe(0);
  expect(arrived[0]?.query).toEqual({ status: 'failed', plan: 'pro', q: 'a&b', limit: '7', cursor: 'abc' });
  expect(arrived[0]?.headers['x-admin-key']).toBe(adminKey);
  expect(stdout).toBe('');
  expect(stderr).toContain('No tenant is like that.');
});

test('fetches every page with --all, and ends at a cursor that does not move', async () => {
  const pages: Record<string, ReturnType<typeof success>> = {
    first: success([tenant('one')], { next_cursor: 'second' }),
    second: success([tenant('two')], { next_cursor: 'third' }),
    third: success([tenant('three')], { next_cursor: 'third' }),
  };
  const { url, arrived } = await withTenants(({ query }) => pages[query.cursor ?? 'first'] ?? success([]));
  const { exitCode, stdout, stderr } = await runCli(['list', '--all', '--json'], { api: url });
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toEqual([tenant('one'), tenant('two'), tenant('three')]);
  expect(arrived.map(({ query }) => query.limit)).toEqual(['200', '200', '200']);
  expect(stderr).toBe('');
});

test('writes nothing of a list of which a page is missing', async () => {
  const { url } = await withTenants(({ query }) =>
    query.cursor === undefined
      ? success([tenant('one')], { next_cursor: 'second' })
      : { status: 503, body: { title: 'Registry unavailable', code: 'registry_unavailable' } as never },
  );
  const { exitCode, stdout, stderr } = await runCli(['list', '--all'], { api: url });
  expect(exitCode).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain('Registry unavailable');
});

test('gives the data of the API as JSON, members that it does not know included', async () => {
  const data = [tenant('acme-corp', { new_member: { of: ['a', 'later', 'version'] } })];
  const { url } = await withTenants(() => success(data, { next_cursor: 'more' }));
  const { stdout, stderr } = await runCli(['list', '--json'], { api: url, terminal: true });
  expect(JSON.parse(stdout)).toEqual(data);
  expect(stderr).toContain('--cursor more');
});

test('a name cannot command the terminal', async () => {
  const name = 'Evil\u001b]0;owned\u0007\u009b31m\u202e\r\nCorp 👩‍👩‍👧';
  const { url } = await withTenants(() => success([tenant('evil', { name })], { next_cursor: null }));
  const table = await runCli(['list'], { api: url, terminal: true, noColor: true, columns: 200 });
  expect(table.stdout).toContain('Evil\\x1b]0;owned\\x07\\x9b31m\\u{202e}\\x0d\\x0aCorp 👩‍👩‍👧');
  const json = await runCli(['list', '--json'], { api: url, terminal: true });
  expect(json.stdout).not.toMatch(/[^\P{C}\n\u200d]/u);
  expect(JSON.parse(json.stdout)[0].name).toBe(name);
});

test('says how to begin when there are no tenants', async () => {
  const { url } = await withTenants(() => success([], { next_cursor: null }));
  const { exitCode, stdout, stderr } = await runCli(['list'], { api: url });
  expect([exitCode, stdout]).toEqual([0, '']);
  expect(stderr).toContain('tenant-cli create');
});
