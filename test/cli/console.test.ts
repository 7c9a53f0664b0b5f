import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runPsql } from '../../src/cli/run-psql.ts';
import { createTenantLogins, type TenantLogin } from '../../src/provisioning/tenant-login.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { startAdminStandIn, success, tenant } from './admin-stand-in.ts';
import { runCli } from './run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'console-test-'));
const report = join(folder, 'report');
let bench: Bench;
let tenantId: string;
let login: TenantLogin;

beforeAll(async () => {
  bench = await createProvisioningBench();
  const asked = await bench.request('Shell Ltd');
  ({ tenantId } = asked);
  await bench.provisioning.waitForRun(asked.runId, 60_000);
  login = await createTenantLogins(bench.platform)(tenantId, { kind: 'operator', id: 'cli' });
}, 120_000);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await bench.stop();
});

test('psql is the tenant’s own limited role in its own database', async () => {
  const sql = `SELECT current_user, current_database(), rolsuper FROM pg_roles WHERE rolname = current_user`;
  const given = ['--no-psqlrc', '-At', '-o', report, '-c', sql];
  const environment = { PATH: process.env.PATH };
  expect(await runPsql({ login, arguments: given, environment })).toBe(0);
  expect(readFileSync(report, 'utf8')).toBe(`${login.user}|${login.database}|f\n`);
  expect(await runPsql({ login, arguments: ['-c', 'SELECT 1/0'], environment })).toBe(1);
});

test('neither arguments nor environment have the password, nor any key of this process', async () => {
  const fake = join(folder, 'psql');
  writeFileSync(
    fake,
    `#!/bin/sh\n{ echo "ARGUMENTS $*"; env; stat -c 'MODE %a' "$PGPASSFILE"; echo "FILE $PGPASSFILE"; } > ${report}\n`,
  );
  chmodSync(fake, 0o755);
  const environment = { PATH: `${folder}:/usr/bin:/bin`, MASTER_ENCRYPTION_KEY: 'CANARY', HOME: folder };
  await runPsql({ login, arguments: ['-c', 'x'], environment });
  const told = readFileSync(report, 'utf8');
  expect(told).toContain('ARGUMENTS -c x\n');
  expect(told).toContain('MODE 600\n');
  expect(told).not.toContain(login.password);
  expect(told).not.toContain('CANARY');
  const passwordFile = /^FILE (.+)$/m.exec(told)?.[1] ?? '';
  expect(() => readFileSync(passwordFile)).toThrow(/ENOENT/);
});

test('who opened it is written down, without the password', async () => {
  const entries = await bench.platform.registry
    .selectFrom('auditLog')
    .select(['action', 'actorKind', 'after'])
    .where('tenantId', '=', tenantId)
    .where('action', '=', 'tenant.console_opened')
    .execute();
  expect(entries).toEqual([
    { action: 'tenant.console_opened', actorKind: 'operator', after: { slug: 'shell-ltd' } },
  ]);
});

test('a missing psql is said with how to get it', async () => {
  const running = runPsql({ login, arguments: [], environment: { PATH: '/nowhere' } });
  await expect(running).rejects.toMatchObject({
    facts: { title: 'No psql', hints: [expect.stringContaining('postgresql-client')] },
  });
});

test('over HTTP there is none, and nothing is asked', async () => {
  const api = await startAdminStandIn(() => success(tenant('acme')));
  const { exitCode, stderr } = await runCli(['console', 'acme'], { api: api.url });
  await api.stop();
  expect([exitCode, api.arrived]).toEqual([1, []]);
  expect(stderr).toContain('without TENANT_MANAGER_URL');
});
