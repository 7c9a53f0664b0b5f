import { afterEach, describe, expect, test } from 'vitest';
import {
  type AdminStandIn,
  type Arrived,
  type CannedAnswer,
  startAdminStandIn,
  success,
} from './admin-stand-in.ts';
import { runCli } from './run-cli.ts';

const id = '0199a0aa-0000-7000-8000-000000000001';
const secret = 'tmk_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const key = (more: object = {}) => ({
  id,
  name: 'monitoring',
  scope: 'read',
  status: 'active',
  created_by: 'operator root',
  created_at: '2026-01-01T09:00:00.000Z',
  expires_at: null,
  last_used_at: '2026-01-01T10:00:00.000Z',
  revoked_at: null,
  ...more,
});

let standIn: AdminStandIn | undefined;
afterEach(async () => {
  await standIn?.stop();
  standIn = undefined;
});
async function answering(answer: (call: Arrived) => CannedAnswer) {
  standIn = await startAdminStandIn(answer);
  return standIn;
}

describe('keys', () => {
  test('are listed', async () => {
    const { url } = await answering(() => success([key()]));
    const { stdout } = await runCli(['keys'], { api: url });
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((row) => row.split(/ {2,}/)),
    ).toEqual([
      ['ID', 'NAME', 'SCOPE', 'STATUS', 'EXPIRES', 'LAST USED', 'MADE BY'],
      [id, 'monitoring', 'read', 'active', 'never', '2026-01-01T10:00:00Z', 'operator root'],
    ]);
  });

  test('create prints the key alone on stdout', async () => {
    const { url, arrived } = await answering(() => ({ ...success(key({ key: secret })), status: 201 }));
    const ended = await runCli(['keys', 'create', 'monitoring', '--scope', 'read', '--days', '2'], {
      api: url,
    });
    expect(ended.exitCode).toBe(0);
    expect(ended.stdout).toBe(`${secret}\n`);
    expect(ended.stderr).not.toContain(secret);
    expect(arrived[0]?.body).toEqual({
      name: 'monitoring',
      scope: 'read',
      expires_at: '2026-01-03T10:03:00.000Z',
    });
  });

  test.each([
    ['no scope', ['keys', 'create', 'x']],
    ['an unknown scope', ['keys', 'create', 'x', '--scope', 'root']],
    ['no days', ['keys', 'create', 'x', '--scope', 'read', '--days', '0']],
  ])('create is refused with %s, before anything is asked for', async (_, args) => {
    const { url, arrived } = await answering(() => success(key({ key: secret })));
    expect((await runCli(args, { api: url })).exitCode).toBe(2);
    expect(arrived).toEqual([]);
  });

  test('revoke says whose it was', async () => {
    const { url, arrived } = await answering(() => success(key({ status: 'revoked' })));
    const { stderr } = await runCli(['keys', 'revoke', id], { api: url });
    expect(arrived).toMatchObject([{ method: 'DELETE', path: `/api/admin/keys/${id}` }]);
    expect(stderr).toBe('✓ monitoring is revoked.\n');
  });
});

describe('audit', () => {
  const entry = {
    id: 7,
    at: '2026-01-01T10:00:00.000Z',
    actor: { kind: 'operator', id: 'root' },
    action: 'tenant.suspended',
    tenant: { id, slug: 'acme-corp' },
    before: { status: 'active' },
    after: { status: 'suspended' },
    request_id: 'request-1',
  };

  test('shows who did what, and how to go on', async () => {
    const { url, arrived } = await answering(() => success([entry], { next_cursor: 'Nw' }));
    const { stdout, stderr } = await runCli(
      ['audit', '--tenant', 'acme-corp', '--since', '2026-01-01', '--action', 'tenant.', '--limit', '1'],
      { api: url },
    );
    expect(arrived[0]?.query).toEqual({
      tenant: 'acme-corp',
      since: '2026-01-01T00:00:00.000Z',
      action: 'tenant.',
      limit: '1',
    });
    expect(stdout.split('\n')[1]?.split(/ {2,}/)).toEqual([
      '2026-01-01T10:00:00Z',
      'operator root',
      'tenant.suspended',
      'acme-corp',
      '{"status":"active"} → {"status":"suspended"}',
      'request-1',
    ]);
    expect(stderr).toContain('--cursor Nw');
  });

  test('obeys nothing that a name says to the terminal', async () => {
    const hostile = { ...entry, after: { name: 'a\u001b[2Jb' } };
    const { url } = await answering(() => success([hostile], { next_cursor: null }));
    const { stdout } = await runCli(['audit'], { api: url });
    expect(stdout).not.toContain('\u001b');
  });
});
