import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpAdminRequest } from '../../src/cli/http-admin-client.ts';
import { createDeployment, type Deployment } from '../support/deployment.ts';
import { type Ended, runCli } from './run-cli.ts';

const password = 'Correct-horse-battery-7';

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
    return runCli(args, { api, stdin: password, now: () => new Date() });
  }

  async function json(...args: string[]) {
    const ended = await run(...args, '--json');
    expect(ended.exitCode, ended.stderr).toBe(0);
    return JSON.parse(ended.stdout);
  }

  function create(name: string, ...more: string[]): Promise<Ended> {
    return run(
      'create',
      '--name',
      name,
      '--email',
      `admin@${name.toLowerCase()}.example`,
      '--password-stdin',
      ...more,
    );
  }

  test('a tenant is made, shown, suspended, activated, deleted and purged', async () => {
    const made = await create('Acme', '--json');
    expect(made.exitCode, made.stderr).toBe(0);
    const tenant = JSON.parse(made.stdout);
    expect(tenant).toMatchObject({ slug: 'acme', name: 'Acme', status: 'active', plan: 'free', users: 1 });

    const { origin } = deployment.apis[0];
    const direct = await fetch(`${origin}/api/admin/tenants/acme`, {
      headers: { 'x-admin-key': deployment.adminKey },
    });
    expect(await json('show', 'acme')).toEqual(((await direct.json()) as { data: unknown }).data);
    expect(await json('show', tenant.id)).toMatchObject({ slug: 'acme' });

    expect((await json('suspend', 'acme', '--reason', 'Unpaid')).status).toBe('suspended');
    expect((await run('show', 'acme')).stdout).toMatch(/^ {2}status reason +Unpaid$/m);
    const again = await run('suspend', 'acme');
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain('state_conflict');
    expect((await json('activate', 'acme')).status).toBe('active');

    expect((await run('delete', 'acme', '--purge', '--confirm', 'other')).stderr).toContain(
      'confirmation_required',
    );
    const deleted = await run('delete', 'acme', '--grace-days', '7');
    expect(deleted.stderr).toMatch(/kept until \d{4}-\d\d-\d\dT/);
    const purged = await run('delete', 'acme', '--purge', '--confirm', 'acme');
    expect(purged.exitCode, purged.stderr).toBe(0);
  });

  test('servers are listed and changed, a key is made, used, seen in the audit log and revoked', async () => {
    expect(await json('servers')).toMatchObject([{ name: 'default', status: 'open' }]);
    expect((await run('servers', 'show', 'default')).stdout).toMatch(
      /^ {2}connections +tenants may have \d+/m,
    );
    expect((await json('servers', 'set', 'default', '--capacity', '77')).capacity_databases).toBe(77);
    const checked = await json('servers', 'check', 'default');
    expect(checked).toMatchObject({ server: 'default', version: expect.stringMatching(/^\d+\.\d+$/) });
    expect((await run('servers', 'remove', 'default')).stderr).toContain('server_from_environment');

    const made = await run('keys', 'create', 'watcher', '--scope', 'read');
    const key = made.stdout.trim();
    const { origin } = deployment.apis[0];
    const api = createHttpAdminRequest({ url: origin, key, warn: () => undefined });
    const asWatcher = (...args: string[]) => runCli(args, { api, now: () => new Date() });
    expect((await asWatcher('servers')).exitCode).toBe(0);
    const refused = await asWatcher('servers', 'drain', 'default');
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('scope operate')]);
    const [entry] = await json('audit', '--action', 'admin_key.created');
    expect(entry).toMatchObject({ actor: { id: 'root' }, after: { name: 'watcher', scope: 'read' } });
    expect((await run('audit', '--action', 'server.')).stdout).toContain('server.changed');
    expect((await run('keys', 'revoke', entry.after.id)).stderr).toContain('watcher is revoked');
    expect((await asWatcher('servers')).stderr).toContain('invalid_admin_key');
    expect(await json('keys')).toMatchObject([{ name: 'watcher', status: 'revoked' }]);
  });

  test('the list is filtered and paged', async () => {
    for (const name of ['Alpha', 'Beta', 'Gamma']) expect((await create(name)).exitCode).toBe(0);
    const pages = await run('list', '--limit', '2');
    expect(pages.stdout.trimEnd().split('\n')).toHaveLength(3);
    const cursor = /--cursor (\S+),/.exec(pages.stderr)?.[1] ?? '';
    const rest: { slug: string }[] = await json('list', '--status', 'active', '--cursor', cursor);
    expect(rest.map(({ slug }) => slug)).toEqual(['alpha']);
    const all: { slug: string }[] = await json('list', '--all', '--q', 'ta');
    expect(all.map(({ slug }) => slug)).toEqual(['beta']);
    expect((await run('list', '--status', 'no-such-state')).exitCode).toBe(2);
  });

  test('what the API refuses is said in the words of the options', async () => {
    const short = await create('X');
    expect(short.exitCode).toBe(2);
    expect(short.stderr).toMatch(/^ {2}--name: /m);
    const taken = await create('Delta', '--slug', 'gamma');
    expect(taken.exitCode).toBe(1);
    expect(taken.stderr).toContain('slug_taken');
    const unknown = await run('show', 'nobody');
    expect(unknown.stderr).toContain('tenant_not_found');
  });

  test('the same key makes one tenant', async () => {
    const again = () => create('Epsilon', '--idempotency-key', 'nightly-1', '--json');
    const [first, second] = [await again(), await again()];
    expect([first.exitCode, second.exitCode]).toEqual([0, 0]);
    expect(JSON.parse(first.stdout).id).toBe(JSON.parse(second.stdout).id);
  });

  test('templates are shown, added and refreshed', async () => {
    const [template]: { key: string; drift: boolean }[] = await json('templates');
    expect(template).toMatchObject({ key: 'default', drift: false });
    expect((await run('templates')).stdout).toMatch(/^default +source_\w+ +up to date /m);
    const refreshed = await run('templates', 'refresh');
    expect([refreshed.exitCode, refreshed.stderr]).toEqual([0, '✓ default: nothing has changed.\n']);
    const source = deployment.environment.SOURCE_DATABASE_NAME ?? '';
    const added = await run('templates', 'add', 'second', '--source-database', source);
    expect(added.exitCode, added.stderr).toBe(0);
    expect((await run('templates', 'show', 'second')).stdout).toMatch(/^default +ready /m);
    const missing = await run('templates', 'add', 'third', '--source-database', `missing_${source}`);
    expect(missing.exitCode).toBe(1);
    expect(missing.stderr).toContain('source_database_missing');
  });

  test('a tenant is changed, given new passwords, and looked at', async () => {
    expect((await create('Zeta')).exitCode).toBe(0);
    expect(await json('set', 'zeta', '--plan', 'enterprise', '--tags', 'vip')).toMatchObject({
      plan: 'enterprise',
      tags: ['vip'],
    });
    const rotated = await run('rotate-credentials', 'zeta', '--reason', 'seen');
    expect([rotated.exitCode, rotated.stderr]).toEqual([0, '✓ zeta has new passwords.\n']);
    expect((await json('read-only', 'zeta')).status).toBe('read_only');
    expect((await json('clear-cache', '--all')).cleared).toBe('all');
    expect((await json('users', 'zeta'))[0].email).toBe('admin@zeta.example');
    const { jobs } = await json('info', 'zeta');
    expect(jobs.map(({ kind }: { kind: string }) => kind)).toEqual([
      'tenant.rotate-credentials',
      'tenant.provision',
    ]);
    const { totals, budgets } = await json('pools');
    expect([totals.processes, budgets.length]).toEqual([2, 1]);
    expect((await run('pools')).stdout).toMatch(/^tm-api-\w+ /m);
  });

  test('create --from makes what is right in a file, and says what is not', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tenant-cli-'));
    const path = join(folder, 'many.csv');
    const lines = ['Eta', 'X', 'Theta'].map((name) => `${name},a@${name.toLowerCase()}.example,${password}`);
    writeFileSync(path, ['name,email,password', ...lines].join('\n'));
    const { exitCode, stderr } = await run('create', '--from', path);
    rmSync(folder, { recursive: true });
    expect([exitCode, stderr]).toEqual([3, expect.stringContaining('✗ line 3: --name: must have 2 to 255')]);
    for (const slug of ['eta', 'theta']) {
      await expect.poll(async () => (await json('show', slug)).status, { timeout: 20_000 }).toBe('active');
    }
  });

  test('figures and health are shown', async () => {
    const stats = await json('stats');
    expect(stats.tenants.total).toBeGreaterThan(0);
    expect((await run('stats')).stdout).toMatch(/^ {2}by plan +enterprise 1, free \d+$/m);
    expect((await json('health')).service).toBe('tenant-manager');
  });

  test('a wrong key is told by its variable', async () => {
    const api = createHttpAdminRequest({
      url: deployment.apis[0].origin,
      key: 'wrong',
      warn: () => undefined,
    });
    const ended = await runCli(['list'], { api });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain('TENANT_MANAGER_ADMIN_KEY');
  });
});
