import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEmbeddedEnvironment } from '../../src/embedded/embedded-environment.ts';
import type { EmbeddedPostgres } from '../../src/embedded/start-embedded.ts';
import { ask, createEmbeddedCases, refusal } from './embedded-cases.ts';

const cases = createEmbeddedCases();
let dataDir: string;
let server: EmbeddedPostgres;
let environment: Record<string, string>;

beforeAll(async () => {
  dataDir = await cases.newDataDir();
  server = await cases.start(dataDir);
  environment = server.environment;
});
afterAll(async () => {
  await server.stop();
  await cases.cleanUp();
});

describe('the first start', () => {
  it('hands over every variable that the other parts need', () => {
    const { GLOBAL_DATABASE_URL = '', MASTER_ENCRYPTION_KEY, ...rest } = environment;
    expect(new URL(GLOBAL_DATABASE_URL)).toMatchObject({
      username: 'tenant_manager',
      pathname: '/tenant_manager',
      hostname: '127.0.0.1',
      port: environment.POSTGRES_PORT,
    });
    expect(MASTER_ENCRYPTION_KEY).toMatch(/^[0-9a-f]{64}$/);
    expect(rest).toMatchObject({ POSTGRES_ADMIN_USER: 'postgres', SOURCE_DATABASE_NAME: 'sample_crm' });
    for (const name of ['JWT_SECRET', 'JWT_REFRESH_SECRET', 'SUPER_ADMIN_KEY', 'WORKER_SECRET_KEY']) {
      expect(environment[name]?.length, name).toBeGreaterThanOrEqual(32);
    }
    const secrets = Object.values(environment).filter((value) => /^[0-9a-f]{64}$/.test(value));
    expect(new Set(secrets).size).toBe(6);
  });

  it('gives the registry a login without special rights', async () => {
    const url = new URL(environment.GLOBAL_DATABASE_URL ?? '');
    const login = { user: url.username, password: url.password, database: 'tenant_manager' };
    const sql = `SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls AS special,
                        pg_get_userbyid(datdba) AS owner
                   FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()`;
    expect(await ask(environment, sql, login)).toEqual([{ special: false, owner: 'tenant_manager' }]);
  });

  it('fills the source database with the sample, owned by a role that cannot log in', async () => {
    const tables = await ask<{ schema: string; count: number }>(
      environment,
      `SELECT schemaname AS schema, count(*)::int AS count FROM pg_tables
        WHERE tableowner = 'sample_crm' GROUP BY 1 ORDER BY 1`,
      { database: 'sample_crm' },
    );
    expect(tables.map((row) => row.schema)).toEqual(['billing', 'public']);
    expect(tables.reduce((sum, row) => sum + row.count, 0)).toBeGreaterThanOrEqual(30);
    const role = await ask(
      environment,
      "SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = 'sample_crm'",
    );
    expect(role).toEqual([{ rolcanlogin: false, rolpassword: null }]);
  });

  it('keeps its secrets from other users of the machine', async () => {
    for (const file of ['state.json', 'secrets.json']) {
      expect((await stat(join(dataDir, file))).mode & 0o777, file).toBe(0o600);
    }
    expect((await stat(join(dataDir, 'pgdata'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(dataDir, 'log'))).mode & 0o777).toBe(0o700);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('pgdata'))).toEqual(['pgdata']);
  });
});

describe('a hardened server', () => {
  it('lets nobody into any database without a grant', async () => {
    await ask(environment, "CREATE ROLE stranger LOGIN PASSWORD 'stranger'");
    const databases = await ask<{ name: string }>(environment, 'SELECT datname AS name FROM pg_database');
    expect(databases.length).toBeGreaterThanOrEqual(5);
    for (const { name } of databases) {
      const attempt = ask(environment, 'SELECT', { user: 'stranger', password: 'stranger', database: name });
      await expect(attempt, name).rejects.toMatchObject({ code: name === 'template0' ? '55000' : '42501' });
    }
  });

  it('listens on the loopback address only and takes passwords only', async () => {
    const settings = await ask<{ name: string; setting: string }>(
      environment,
      `SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'unix_socket_directories',
        'data_checksums', 'fsync', 'full_page_writes', 'log_statement', 'log_min_error_statement',
        'password_encryption', 'server_encoding', 'max_connections')`,
    );
    expect(Object.fromEntries(settings.map(({ name, setting }) => [name, setting]))).toEqual({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      data_checksums: 'on',
      fsync: 'on',
      full_page_writes: 'on',
      log_statement: 'none',
      log_min_error_statement: 'panic',
      password_encryption: 'scram-sha-256',
      server_encoding: 'UTF8',
      max_connections: '200',
    });
    const methods = await ask(environment, 'SELECT DISTINCT auth_method FROM pg_hba_file_rules');
    expect(methods).toEqual([{ auth_method: 'scram-sha-256' }]);
  });

  it('aborts the statement of a client that has gone, and recovers fast', async () => {
    const shown = await ask(
      environment,
      "SELECT current_setting('client_connection_check_interval') AS check, current_setting('recovery_init_sync_method') AS sync",
    );
    expect(shown).toEqual([{ check: '200ms', sync: 'syncfs' }]);
  });

  it('writes neither statements, nor values, nor passwords into its log', async () => {
    await expect(ask(environment, "CREATE ROLE stranger2 PASSWORD 'canary-one' nonsense")).rejects.toThrow(
      'unrecognized',
    );
    await ask(environment, 'CREATE TABLE seen (word text PRIMARY KEY)');
    await ask(environment, "INSERT INTO seen VALUES ('canary-two')");
    await expect(ask(environment, "INSERT INTO seen VALUES ('canary-two')")).rejects.toThrow('duplicate');
    const log = await readFile(join(dataDir, 'log', 'server.log'), 'utf8');
    expect(log).toContain('duplicate key');
    expect(log).not.toContain('canary');
    for (const secret of Object.values(JSON.parse(await readFile(join(dataDir, 'secrets.json'), 'utf8')))) {
      expect(log).not.toContain(secret);
    }
  });
});

describe('the next start', () => {
  it('keeps secrets, data and port', async () => {
    await ask(environment, 'CREATE TABLE kept (word text)');
    await server.stop();
    server = await cases.start(dataDir);
    expect(server.environment).toEqual(environment);
    expect(await ask(environment, 'SELECT * FROM kept')).toEqual([]);
  });

  it('takes another port when the former one is in use', async () => {
    await server.stop();
    const squatter = createServer().listen({ host: '127.0.0.1', port: Number(environment.POSTGRES_PORT) });
    server = await cases.start(dataDir);
    expect(server.environment.POSTGRES_PORT).not.toBe(environment.POSTGRES_PORT);
    expect(await ask(server.environment, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await readEmbeddedEnvironment(dataDir)).toEqual(server.environment);
    environment = server.environment;
    squatter.close();
  });

  it('does not load the sample again once the operator has changed it', async () => {
    await ask(environment, 'DROP TABLE public.notes, public.taggings CASCADE', { database: 'sample_crm' });
    await server.stop();
    server = await cases.start(dataDir);
    const sql =
      "SELECT to_regclass('public.notes') AS notes, to_regclass('public.companies')::text AS companies";
    expect(await ask(environment, sql, { database: 'sample_crm' })).toEqual([
      { notes: null, companies: 'companies' },
    ]);
  });
});

describe('a sample that fails halfway', () => {
  it('stops the server, and is loaded whole by the next start', async () => {
    const folder = await cases.newDataDir();
    const broken = `${folder}-broken.sql`;
    await writeFile(broken, 'CREATE TABLE public.half (id int); CREATE TABLE public.half (id int);');
    const error = await refusal(cases.start(folder, { samplePath: broken }));
    expect(error.code).toBe('embedded_postgres_failed');
    expect(error.message).toContain('already exists');
    expect((await refusal(readEmbeddedEnvironment(folder))).message).toContain('is not running');

    const mended = await cases.start(folder);
    const sql = "SELECT to_regclass('public.half') AS half, to_regclass('public.deals')::text AS deals";
    expect(await ask(mended.environment, sql, { database: 'sample_crm' })).toEqual([
      { half: null, deals: 'deals' },
    ]);
    await mended.stop();
  });
});
