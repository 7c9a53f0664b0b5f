import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
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

const id = '0199a0aa-0000-7000-8000-000000000009';
const runId = '5a0e8400-e29b-41d4-a716-446655440000';
const password = 'Correct-horse-battery-7';
const args = ['create', '--name', 'ACME Corp', '--email', 'admin@acme.com'];
const started = { provisioning_id: runId, status: 'pending', tenant_id: id, slug: 'acme-corp' };

let server: AdminStandIn | undefined;
afterEach(() => server?.stop());

type Script = {
  post?: (call: Arrived, attempt: number) => CannedAnswer;
  runs?: readonly Record<string, unknown>[];
  tenant?: Record<string, unknown>;
};

/** The API while it makes a tenant; the last of `runs` stays. */
async function withProvisioning(script: Script = {}): Promise<AdminStandIn> {
  const runs = [...(script.runs ?? [{ status: 'completed', progress: 100 }])];
  let attempt = 0;
  server = await startAdminStandIn((call) => {
    if (call.method === 'POST') {
      attempt += 1;
      return script.post?.(call, attempt) ?? { ...success(started), status: 202 };
    }
    if (call.path.startsWith('/api/auth/provisioning-status/')) {
      const run = runs.length > 1 ? runs.shift() : runs[0];
      return typeof run?.code === 'string' ? problem(503, run.code) : success(run);
    }
    return success(tenant('acme-corp', { id, ...script.tenant }));
  });
  return server;
}

describe('a tenant that is made', () => {
  test('is asked for as the API wants it, and shown when it is active', async () => {
    const { url, arrived } = await withProvisioning();
    const options = ['--plan', 'pro', '--slug', 'acme-corp', '--admin-name', 'Ada', '--password-stdin'];
    const ended = await runCli([...args, ...options], { api: url, stdin: `${password}\n` });
    expect(ended.exitCode).toBe(0);
    expect(arrived[0]?.body).toEqual({
      organization_name: 'ACME Corp',
      admin_email: 'admin@acme.com',
      admin_password: password,
      admin_name: 'Ada',
      plan: 'pro',
      slug: 'acme-corp',
    });
    expect(arrived[0]?.headers.prefer).toMatch(/^wait=\d+$/);
    expect(arrived[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(ended.stdout).toMatch(/^ {2}slug +acme-corp$/m);
    expect(ended.stderr).toContain('acme-corp is active.');
    expect(ended.stdout + ended.stderr).not.toContain(password);
  });

  test('is waited for, step by step on a terminal', async () => {
    const runs = [
      { status: 'pending', progress: 0, current_step: null },
      { status: 'processing', progress: 40, current_step: 'create-database' },
      { status: 'completed', progress: 100 },
    ];
    const { url, arrived } = await withProvisioning({ runs });
    const { exitCode, stderr } = await runCli(args, {
      api: url,
      terminal: true,
      noColor: true,
      stdin: [`${password}\r`, `${password}\r`],
    });
    expect(exitCode).toBe(0);
    expect(stderr).toContain('Making the database of ACME Corp … 40 % · create database');
    // The progress is gone from the screen before the last word.
    expect(stderr.endsWith('\r\u001b[2K✓ acme-corp is active.\n')).toBe(true);
    expect(stderr).not.toContain(password);
    expect(arrived[0]?.body).toMatchObject({ admin_password: password });
  });

  test('is one tenant although the first answer is lost', async () => {
    const { url, arrived } = await withProvisioning({
      post: (_call, attempt) => (attempt === 1 ? { cut: true } : { ...success(started), status: 202 }),
    });
    const { exitCode } = await runCli([...args, '--password-stdin'], { api: url, stdin: password });
    expect(exitCode).toBe(0);
    const posts = arrived.filter(({ method }) => method === 'POST');
    expect(posts).toHaveLength(2);
    expect(posts[0]?.headers['idempotency-key']).toBe(posts[1]?.headers['idempotency-key']);
  });

  test('is the tenant as JSON, and nothing else is on stdout', async () => {
    const { url } = await withProvisioning();
    const ended = await runCli([...args, '--password-stdin', '--json'], { api: url, stdin: password });
    expect(JSON.parse(ended.stdout)).toEqual(tenant('acme-corp', { id }));
  });

  test('is not waited for with --wait 0', async () => {
    const { url, arrived } = await withProvisioning({
      runs: [{ status: 'pending', progress: 0 }],
      tenant: { status: 'requested' },
    });
    const ended = await runCli([...args, '--password-stdin', '--wait', '0'], { api: url, stdin: password });
    expect(ended.exitCode).toBe(0);
    expect(arrived[0]?.headers.prefer).toBe('respond-async');
    expect(ended.stderr).toContain('tenant-cli show acme-corp');
  });
});

describe('a tenant that is not ready', () => {
  test('ends with 3 when the time is over', async () => {
    const { url } = await withProvisioning({
      runs: [
        { status: 'processing', progress: 40, error: { code: 'pg_dump_missing', message: 'No pg_dump.' } },
      ],
      tenant: { status: 'provisioning' },
    });
    const ended = await runCli([...args, '--password-stdin', '--wait', '1'], {
      api: url,
      stdin: password,
      now: () => new Date(),
    });
    expect(ended.exitCode).toBe(3);
    expect(ended.stderr).toContain('No pg_dump. (pg_dump_missing)');
    expect(ended.stdout).toMatch(/^ {2}status +provisioning$/m);
  });

  test('is waited for although the API is away for a moment', async () => {
    const { url } = await withProvisioning({
      runs: [{ code: 'registry_unavailable' }, { status: 'completed', progress: 100 }],
    });
    const ended = await runCli([...args, '--password-stdin'], { api: url, stdin: password });
    expect(ended.exitCode).toBe(0);
  });

  test('ends with 1 and the reason when it could not be made', async () => {
    const { url } = await withProvisioning({
      runs: [
        { status: 'failed', progress: 40, error: { code: 'source_database_missing', message: 'Told.' } },
      ],
      tenant: { status: 'failed', status_reason: 'The source database "crm" does not exist.' },
    });
    const ended = await runCli([...args, '--password-stdin'], { api: url, stdin: password });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain('The source database "crm" does not exist.');
    expect(ended.stderr).toContain('source_database_missing');
    expect(ended.stderr).toContain('tenant-cli retry acme-corp');
  });
});

describe('a password', () => {
  test('comes from a file, without its line end', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tm-cli-'));
    const file = join(folder, 'password');
    await writeFile(file, `${password}\n`);
    const { url, arrived } = await withProvisioning();
    const ended = await runCli([...args, '--password-file', file], { api: url });
    await rm(folder, { recursive: true });
    expect(ended.exitCode).toBe(0);
    expect(arrived[0]?.body).toMatchObject({ admin_password: password });
  });

  test('that is typed in two ways is refused before anything is asked of the API', async () => {
    const { url, arrived } = await withProvisioning();
    const ended = await runCli(args, { api: url, terminal: true, stdin: [`${password}\r`, 'other\r'] });
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toContain('differ');
    expect(arrived).toEqual([]);
  });

  test('can be given up with Ctrl-C', async () => {
    const { url, arrived } = await withProvisioning();
    const ended = await runCli(args, { api: url, terminal: true, stdin: ['half\u0003'] });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain('Nothing was changed');
    expect(arrived).toEqual([]);
  });

  test.each([
    ['there is no terminal to ask for it', args],
    ['it is an argument', [...args, '--password', 'hunter2-secret']],
    ['it is an argument with =', [...args, '--password=hunter2-secret']],
    ['it is asked for in two ways', [...args, '--password-stdin', '--password-file', '/dev/null']],
    ['it is empty', [...args, '--password-stdin']],
    ['its file is missing', [...args, '--password-file', '/nowhere/at/all']],
  ])('is wrong usage when %s', async (_why, given) => {
    const { url, arrived } = await withProvisioning();
    const ended = await runCli(given, { api: url });
    expect(ended.exitCode).toBe(2);
    expect(ended.stderr).toMatch(/password/i);
    expect(ended.stdout + ended.stderr).not.toContain('hunter2');
    expect(arrived).toEqual([]);
  });
});

test('names the options in which the fields are wrong', async () => {
  const { url } = await withProvisioning({
    post: () =>
      problem(400, 'invalid_request', {
        errors: [
          { path: 'organization_name', message: 'must have 2 to 255 characters' },
          { path: 'admin_password', message: 'is among the most common passwords' },
        ],
      }),
  });
  const ended = await runCli([...args, '--password-stdin'], { api: url, stdin: 'password' });
  expect(ended.exitCode).toBe(2);
  expect(ended.stderr).toContain('--name: must have 2 to 255 characters');
  expect(ended.stderr).toContain('the password: is among the most common passwords');
});
