import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { listOpenDatabases } from '../../src/databases/database-state.ts';
import { sqlState } from '../../src/databases/sql-state.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { neutral, startTenantServer, type Tenant, type TenantServer, template } from './tenant-server.ts';

failOnLeaks();

let on: TenantServer;
let mine: Tenant;
let other: Tenant;

beforeAll(async () => {
  on = await startTenantServer();
  mine = await on.makeTenant(on.session);
  other = await on.makeTenant(on.session);
});
afterEach(() => on.endLogins());
afterAll(() => on.stop());

async function stateOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return 'succeeded';
  } catch (error) {
    return sqlState(error);
  }
}

const application = (database: string) =>
  on.logIn(mine.names.applicationRole, mine.passwords.application, database);
const migrator = (database: string) => on.logIn(mine.names.migratorRole, mine.passwords.migrator, database);

describe('the application role', () => {
  it('reads and writes rows, and uses what the migrator makes at once', async () => {
    const app = await application(mine.names.database);
    const made = await migrator(mine.names.database);
    await app.query("INSERT INTO contact (name) VALUES ('Ada')");
    await made.query('CREATE TABLE deal (id serial PRIMARY KEY, title text)');
    await app.query("INSERT INTO deal (title) VALUES ('first')");
    expect((await app.query('SELECT c.name, d.title FROM contact c, deal d')).rows).toEqual([
      { name: 'Ada', title: 'first' },
    ]);
  });

  it.each([
    'CREATE TABLE mine (id int)',
    'CREATE SCHEMA mine',
    'ALTER TABLE contact ADD COLUMN more text',
    'DROP TABLE contact',
    'TRUNCATE contact',
    'CREATE EXTENSION citext',
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    "COPY contact TO PROGRAM 'id'",
    `SET ROLE ${neutral.owner}`,
  ])('may not: %s', async (sql) => {
    const app = await application(mine.names.database);
    expect(await stateOf(app.query(sql))).toBe('42501');
  });

  it('may not lift its limit for temporary files', async () => {
    const app = await application(mine.names.database);
    expect((await app.query('SHOW temp_file_limit')).rows).toEqual([{ temp_file_limit: '512MB' }]);
    expect(await stateOf(app.query('SET temp_file_limit = -1'))).toBe('42501');
    expect(await stateOf(app.query('ALTER ROLE CURRENT_USER RESET temp_file_limit'))).not.toBe('succeeded');
  });
});

describe('both roles', () => {
  it.each(['application', 'migrator'] as const)('keep the %s out of every other database', async (kind) => {
    const logIn = kind === 'application' ? application : migrator;
    expect(await stateOf(logIn(other.names.database))).toBe('42501');
    expect(await stateOf(logIn('postgres'))).toBe('42501');
    expect(await stateOf(logIn('template1'))).toBe('42501');
    // 55000: it accepts no connections from anybody.
    expect(await stateOf(logIn(template))).toBe('55000');
  });

  it('are held to their connection limits', async () => {
    const tenant = await on.makeTenant(on.session);
    const { names, passwords } = tenant;
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, () => on.logIn(names.migratorRole, passwords.migrator, names.database)),
    );
    const refused = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason] : []));
    expect(refused.map(sqlState)).toEqual(['53300', '53300', '53300', '53300']);
  });
});

describe('the migrator', () => {
  it('acts as the neutral owner, which owns what it makes', async () => {
    const client = await migrator(mine.names.database);
    await client.query('CREATE TABLE owned (id int)');
    await client.query('CREATE SCHEMA later');
    await client.query('CREATE EXTENSION citext');
    const owners = await client.query(
      `SELECT tableowner::text AS owner FROM pg_tables WHERE tablename = 'owned'
        UNION ALL SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'later'`,
    );
    expect(owners.rows).toEqual([{ owner: neutral.owner }, { owner: neutral.owner }]);
  });

  const statements: ((own: string, foreign: string) => string)[] = [
    (own) => `ALTER DATABASE ${own} RENAME TO renamed`,
    (own) => `ALTER DATABASE ${own} CONNECTION LIMIT 1000`,
    (own) => `ALTER DATABASE ${own} OWNER TO ${neutral.owner}`,
    (_, foreign) => `DROP DATABASE ${foreign}`,
    (_, foreign) => `ALTER DATABASE ${foreign} RENAME TO renamed`,
    (_, foreign) => `ALTER DATABASE ${foreign} ALLOW_CONNECTIONS false`,
    () => `DROP DATABASE ${template}`,
    () => `CREATE DATABASE copied TEMPLATE ${template}`,
    () => 'CREATE ROLE accomplice LOGIN',
    () => `ALTER ROLE ${neutral.owner} LOGIN`,
    () => `GRANT ${neutral.owner} TO ${other.names.migratorRole}`,
    () => `GRANT ${neutral.application} TO ${other.names.applicationRole}`,
    () => `ALTER ROLE ${other.names.applicationRole} PASSWORD 'x'`,
    () => 'CREATE EXTENSION dblink',
    () => "COPY contact TO PROGRAM 'id'",
    () => "SELECT pg_read_file('postgresql.conf')",
    () => 'SET SESSION AUTHORIZATION postgres',
  ];

  it.each(['as the neutral owner', 'after RESET ROLE'])('may not change the server %s', async (how) => {
    const client = await migrator(mine.names.database);
    if (how === 'after RESET ROLE') await client.query('RESET ROLE');
    for (const statement of statements) {
      const sql = statement(mine.names.database, other.names.database);
      expect([sql, await stateOf(client.query(sql))]).toEqual([sql, '42501']);
    }
  });

  it.each(['as the neutral owner', 'after RESET ROLE'])('lets nobody in by GRANT CONNECT %s', async (how) => {
    const client = await migrator(mine.names.database);
    if (how === 'after RESET ROLE') await client.query('RESET ROLE');
    // Without the grant option, GRANT warns, succeeds and does nothing; without any right it fails.
    for (const database of [mine.names.database, other.names.database, template, 'postgres']) {
      await stateOf(client.query(`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`));
      await stateOf(client.query(`GRANT CONNECT ON DATABASE ${database} TO ${other.names.applicationRole}`));
    }
    const { names, passwords } = other;
    expect(await stateOf(on.logIn(names.applicationRole, passwords.application, mine.names.database))).toBe(
      '42501',
    );
    expect(await listOpenDatabases(on.session)).toEqual([]);
  });

  it('touches only its own database with DROP OWNED', async () => {
    const victim = await on.logIn(
      other.names.applicationRole,
      other.passwords.application,
      other.names.database,
    );
    const attacker = await on.makeTenant(on.session);
    const client = await on.logIn(
      attacker.names.migratorRole,
      attacker.passwords.migrator,
      attacker.names.database,
    );
    await client.query(`DROP OWNED BY ${neutral.owner} CASCADE`);
    expect((await victim.query('SELECT count(*)::int AS n FROM contact')).rows).toEqual([{ n: 0 }]);
    // CREATE on a database is a right on a shared object: what DROP OWNED takes must be the attacker's own only.
    const migrator = await on.logIn(other.names.migratorRole, other.passwords.migrator, other.names.database);
    await migrator.query('CREATE SCHEMA still_possible');
  });
});
