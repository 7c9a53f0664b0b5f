import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabaseUrls } from '../../src/provisioning/database-url.ts';
import type { Check } from '../../src/reconcile/doctor/check.ts';
import { sortOpenDatabases } from '../../src/reconcile/doctor/check-open-databases.ts';
import type { DoctorReport } from '../../src/reconcile/doctor/doctor.ts';
import { createTasks } from '../../src/tasks/request-task.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';

failOnLeaks();

/** Of its own: what the doctor shuts is shut to everybody. */
let server: TestPostgres;
let bench: Bench;
let tenantUrl: string;

const foreign = { user: 'reports', password: 'of-somebody-else' };

beforeAll(async () => {
  server = await startTestPostgres();
  bench = await createProvisioningBench({ server });
  await bench.assembly.firstLook;
  await bench.runOn('postgres', 'CREATE DATABASE erp');
  await bench.runOn('postgres', `CREATE ROLE reports LOGIN PASSWORD '${foreign.password}'`);
  const { runId, tenantId } = await bench.request('Acme', { slug: 'acme' });
  expect(await bench.provisioning.waitForRun(runId, 30_000)).toMatchObject({ status: 'completed' });
  tenantUrl = (await createDatabaseUrls(bench.platform)(tenantId, true)) ?? '';
});
afterAll(async () => {
  await bench.stop();
  await server.stop();
});

async function run(kind: 'doctor.check' | 'doctor.fix'): Promise<DoctorReport> {
  const { registry, messages } = bench.platform;
  const tasks = createTasks({ registry, messages, afterCommit: bench.assembly.kick });
  const actor = { kind: 'operator', id: 'root' } as const;
  const id = await tasks.requestTask({ kind, parameters: {}, actor, requestId: 'test' });
  const task = await tasks.waitForTask(id, 50_000);
  expect(task).toMatchObject({ status: 'completed' });
  return task?.result as DoctorReport;
}

const of = ({ checks }: DoctorReport, name: string): Check[] => checks.filter(({ check }) => check === name);

/** What the login may do in that database: enter it, and make a temporary table. */
async function enter(login: { user: string; password: string }, database: string): Promise<string> {
  const client = new pg.Client({ host: server.host, port: server.port, ...login, database });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('CREATE TEMPORARY TABLE t (id int)');
    return 'entered';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end();
  }
}

function tenantLogin() {
  const { username: user, password } = new URL(tenantUrl);
  return { user, password: decodeURIComponent(password) };
}

test('nothing of what was looked at failed, and what a fresh server lacks is said with what to do', async () => {
  const report = await run('doctor.check');
  expect(report.by).toBe('worker');
  expect(report.checks.filter(({ detail }) => /could not be looked at/.test(detail))).toEqual([]);
  const statuses = Object.fromEntries(report.checks.map(({ check, status }) => [check, status]));
  expect(statuses).toMatchObject({
    'registry.migrations': 'ok',
    'registry.clock': 'ok',
    'registry.connections': 'ok',
    'registry.pooler': 'ok',
    'keys.mark': 'ok',
    'keys.sealed': 'ok',
    'queue.place': 'ok',
    'limits.place': 'ok',
    'workers.sweeper': 'ok',
    'server.reachable': 'ok',
    'server.rights': 'ok',
    'server.pooler': 'ok',
    'server.collation': 'ok',
    'server.client_check': 'ok',
    'server.pg_dump': 'ok',
    'server.connections': 'ok',
    // As test servers are.
    'server.durability': 'problem',
    'server.open_databases': 'problem',
    'template.source': 'ok',
    'work.attention': 'ok',
    'work.outbox': 'ok',
    'work.quarantine': 'ok',
    'work.findings': 'ok',
  });
  for (const { status, remedy } of report.checks) if (status === 'warning') expect(remedy).toBeTruthy();
  const [durability] = of(report, 'server.durability');
  expect(durability?.detail).toMatch(/^fsync and full_page_writes are off/);
  expect(durability?.remedy).toContain('ALTER SYSTEM SET fsync = on;');
});

describe('databases that every login may enter', () => {
  test('are shut: who could enter still can, a tenant cannot any more', async () => {
    expect(await enter(tenantLogin(), 'erp')).toBe('entered');
    const found = of(await run('doctor.check'), 'server.open_databases');
    expect(found).toMatchObject([{ status: 'problem', fixable: true }]);
    expect(found[0]?.detail).toContain('erp');

    const { fixed, checks } = await run('doctor.fix');
    expect(fixed.map(({ detail }) => detail)).toContain(
      'PUBLIC may not enter erp any more. CONNECT and TEMPORARY went to 1 login by name: reports.',
    );
    expect(checks.filter(({ check }) => check === 'server.open_databases')).toMatchObject([{ status: 'ok' }]);

    for (const database of ['erp', 'postgres', bench.sourceName, bench.registryName]) {
      expect(await enter(foreign, database), database).toBe('entered');
      expect(await enter(tenantLogin(), database), database).toMatch(/permission denied for database/);
    }
    const own = new URL(tenantUrl).pathname.slice(1);
    expect(await enter(tenantLogin(), own)).toBe('entered');
    expect(await enter(foreign, own)).toMatch(/permission denied for database/);
  });

  test('are shut once: another fix does nothing', async () => {
    expect((await run('doctor.fix')).fixed).toEqual([]);
  });

  test('of a tenant are no business of the fix: nobody is let in by name', async () => {
    const own = new URL(tenantUrl).pathname.slice(1);
    await bench.runOn('postgres', `GRANT CONNECT ON DATABASE ${own} TO PUBLIC`);
    const { fixed, checks } = await run('doctor.fix');
    expect(fixed).toEqual([]);
    const [found] = checks.filter(({ check }) => check === 'server.open_databases');
    expect(found).toMatchObject({
      status: 'problem',
      fixable: false,
      remedy: expect.stringContaining('reconcile'),
    });
    await bench.runOn('postgres', `REVOKE CONNECT ON DATABASE ${own} FROM PUBLIC`);
    expect(await enter(foreign, own)).toMatch(/permission denied for database/);
  });

  test('and are somebody else’s are left to their owner', async () => {
    await bench.runOn('postgres', 'CREATE DATABASE theirs OWNER reports');
    await bench.runOn('postgres', "CREATE ROLE limited LOGIN CREATEDB CREATEROLE PASSWORD 'limited'");
    const client = new pg.Client({
      host: server.host,
      port: server.port,
      user: 'limited',
      password: 'limited',
      database: 'theirs',
    });
    await client.connect();
    try {
      const rows = async (sql: string, values?: readonly unknown[]) =>
        (await client.query(sql, values === undefined ? [] : [...values])).rows;
      const { closable, others } = await sortOpenDatabases({ rows: rows as never }, () => false);
      expect(closable).toEqual([]);
      expect(others).toContainEqual(expect.objectContaining({ name: 'theirs', owner: 'reports' }));
    } finally {
      await client.end();
      await bench.runOn('postgres', 'DROP DATABASE theirs');
      await bench.runOn('postgres', 'DROP ROLE limited');
    }
  });
});

describe('text that is sorted in another way than when a database was made', () => {
  /** As an upgrade of the operating system leaves it. */
  const change = (database: string) =>
    bench.runOn(
      'postgres',
      `UPDATE pg_database SET datlocprovider = 'i', daticulocale = 'en-US', datcollversion = '1'
        WHERE datname = '${database}'`,
    );

  test('is said of tenants and others, with how to rebuild their indexes', async () => {
    const own = new URL(tenantUrl).pathname.slice(1);
    await change(own);
    await change('erp');
    const found = of(await run('doctor.check'), 'server.collation');
    expect(found.map(({ status, fixable }) => [status, fixable])).toEqual([
      ['warning', false],
      ['warning', false],
    ]);
    expect(found[0]?.detail).toContain(`the tenant database ${own} was made`);
    expect(found[0]?.remedy).toContain(`ALTER DATABASE "${own}" REFRESH COLLATION VERSION;`);
    expect(found[1]?.detail).toContain('erp');
    await bench.runOn('postgres', `ALTER DATABASE ${own} REFRESH COLLATION VERSION`);
    await bench.runOn('postgres', 'ALTER DATABASE erp REFRESH COLLATION VERSION');
    expect(of(await run('doctor.check'), 'server.collation')).toMatchObject([{ status: 'ok' }]);
  });

  test('makes a template useless: the fix gives it up, and the next tenant gets a new one', async () => {
    const copies = () =>
      bench.platform.registry
        .selectFrom('templateCopies')
        .select('databaseName')
        .where('status', '=', 'ready')
        .execute();
    const [{ databaseName } = { databaseName: '' }] = await copies();
    await change(databaseName);
    expect(of(await run('doctor.check'), 'server.collation')).toMatchObject([
      { status: 'problem', fixable: true, detail: expect.stringContaining(databaseName) },
    ]);
    const { fixed } = await run('doctor.fix');
    expect(fixed).toMatchObject([
      { detail: expect.stringContaining(`The template ${databaseName} is given up`) },
    ]);
    const { runId } = await bench.request('Next');
    expect(await bench.provisioning.waitForRun(runId, 40_000)).toMatchObject({ status: 'completed' });
    const after = await copies();
    expect(after).toHaveLength(1);
    expect(after[0]?.databaseName).not.toBe(databaseName);
  });
});

describe('what the registry holds', () => {
  test('names the tenants whose sealed passwords do not open', async () => {
    const { registry } = bench.platform;
    const row = await registry
      .selectFrom('tenantRegistry')
      .selectAll()
      .where('slug', '=', 'acme')
      .executeTakeFirstOrThrow();
    const keep = { sealedApplicationPassword: row.sealedApplicationPassword };
    await registry
      .updateTable('tenantRegistry')
      .set({ sealedApplicationPassword: 'AAAA' })
      .where('id', '=', row.id)
      .execute();
    const sealed = of(await run('doctor.check'), 'keys.sealed');
    await registry.updateTable('tenantRegistry').set(keep).where('id', '=', row.id).execute();
    expect(sealed.find(({ subject }) => subject === 'application_password')).toMatchObject({
      status: 'problem',
      detail: expect.stringMatching(/^1 of \d+ sealed values that were tried do not open: acme\.$/),
    });
    expect(sealed.find(({ subject }) => subject === 'migrator_password')).toMatchObject({ status: 'ok' });
  });

  test('tells of work that a dead process left, and of what is in quarantine', async () => {
    const { registry } = bench.platform;
    const [server] = await registry.selectFrom('databaseServers').selectAll().execute();
    await registry
      .insertInto('heartbeats')
      .values({ name: 'template:gone', holder: 'x', beatAt: new Date(Date.now() - 600_000) })
      .execute();
    await registry
      .insertInto('quarantinedObjects')
      .values({
        id: '0199a0aa-0000-7000-8000-000000000001',
        kind: 'database',
        name: 'lost',
        serverId: server?.id ?? '',
        reason: 'test',
      })
      .execute();
    const report = await run('doctor.check');
    await registry.deleteFrom('heartbeats').where('name', '=', 'template:gone').execute();
    await registry.deleteFrom('quarantinedObjects').execute();
    expect(of(report, 'workers.work')).toMatchObject([{ status: 'problem', subject: 'template:gone' }]);
    expect(of(report, 'work.quarantine')).toMatchObject([{ status: 'warning' }]);
  });
});

test('a server that cannot be reached is a problem of its own, and hides nothing', async () => {
  const { registry } = bench.platform;
  await registry.updateTable('databaseServers').set({ port: 1 }).execute();
  const report = await run('doctor.check');
  await registry.updateTable('databaseServers').set({ port: server.port }).execute();
  const [reachable] = of(report, 'server.reachable');
  expect(reachable).toMatchObject({ status: 'problem', subject: 'default' });
  expect(reachable?.detail).toContain('cannot be reached');
  expect(of(report, 'registry.migrations')).toMatchObject([{ status: 'ok' }]);
});

test('a worker says at its start what nobody else would notice', async () => {
  await expect
    .poll(() => bench.lines.filter((line) => line.includes('server.open_databases')))
    .toHaveLength(1);
  const [line] = bench.lines.filter((each) => each.includes('server.open_databases'));
  expect(JSON.parse(line ?? '')).toMatchObject({
    subject: 'default',
    remedy: expect.stringContaining('tenant-cli doctor --fix'),
    msg: expect.stringContaining('may enter'),
  });
});
