import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { closeDatabase } from '../../src/databases/close-database.ts';
import { createClosedDatabase } from '../../src/databases/create-database.ts';
import { listOpenDatabases, readDatabase } from '../../src/databases/database-state.ts';
import { dropTenantDatabase } from '../../src/databases/drop-database.ts';
import { listDatabasesWithObjectsOf, listPlatformObjects } from '../../src/databases/inventory.ts';
import { ensureNeutralRoles } from '../../src/databases/neutral-roles.ts';
import { readRoles } from '../../src/databases/role-state.ts';
import { newPassword, scramVerifier } from '../../src/databases/scram-verifier.ts';
import { sealDatabase } from '../../src/databases/seal-database.ts';
import { sqlState } from '../../src/databases/sql-state.ts';
import { createTenantRoles } from '../../src/databases/tenant-roles.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { neutral, newTenant, startTenantServer, type TenantServer, template } from './tenant-server.ts';

failOnLeaks();

let on: TenantServer;

beforeAll(async () => {
  on = await startTenantServer({
    settings: { log_statement: 'all', log_min_error_statement: 'error', max_prepared_transactions: '4' },
  });
});
afterEach(() => on.endLogins());
afterAll(() => on.stop());

const tryLogin = (user: string, password: string, database: string) =>
  on.logIn(user, password, database).then(
    () => 'let in',
    (error: unknown) => sqlState(error),
  );

describe('createTenantRoles', () => {
  it('brings roles that a crash left halfway to exactly the wanted state', async () => {
    const tenant = newTenant();
    const { migratorRole, applicationRole, database } = tenant.names;
    await on.session.run(`CREATE ROLE ${migratorRole} NOLOGIN CREATEDB CONNECTION LIMIT 99`);
    await on.session.run(`GRANT ${neutral.application} TO ${migratorRole}`);
    await on.session.run(`GRANT ${neutral.owner} TO ${migratorRole} WITH ADMIN OPTION`);
    await on.session.run(`ALTER ROLE ${migratorRole} SET statement_timeout = 1`);
    await on.makeTenant(on.session, tenant);
    const [found] = await on.session.rows(
      `SELECT rolcreatedb, rolcanlogin, rolconnlimit, rolconfig,
              ARRAY(SELECT roleid::regrole::text || ' ' || admin_option FROM pg_auth_members WHERE member = r.oid) AS groups
         FROM pg_roles r WHERE rolname = $1`,
      [migratorRole],
    );
    expect(found).toEqual({
      rolcreatedb: false,
      rolcanlogin: true,
      rolconnlimit: 4,
      rolconfig: [`role=${neutral.owner}`],
      groups: [`${neutral.owner} false`],
    });
    expect(await tryLogin(migratorRole, tenant.passwords.migrator, database)).toBe('let in');
    expect(await tryLogin(applicationRole, tenant.passwords.application, database)).toBe('let in');
  });

  it('sets the passwords again when it runs again', async () => {
    const tenant = await on.makeTenant(on.session);
    const password = newPassword();
    const verifiers = { ...tenant.verifiers, application: scramVerifier(password) };
    await createTenantRoles(on.session, { ...tenant, verifiers, neutral, applicationConnectionLimit: 10 });
    const { applicationRole, database } = tenant.names;
    expect(await tryLogin(applicationRole, password, database)).toBe('let in');
    expect(await tryLogin(applicationRole, tenant.passwords.application, database)).toBe('28P01');
  });

  it('leaves a role alone that somebody else made with more rights', async () => {
    const tenant = newTenant();
    await on.session.run(`CREATE ROLE ${tenant.names.applicationRole} SUPERUSER`);
    const made = createTenantRoles(on.session, { ...tenant, neutral, applicationConnectionLimit: 1 });
    await expect(made).rejects.toMatchObject({ code: 'verification_failed' });
    await expect(dropTenantDatabase(on.session, tenant.names)).rejects.toMatchObject({
      code: 'verification_failed',
    });
    expect((await readRoles(on.session, [tenant.names.migratorRole])).size).toBe(0);
  });
});

describe('createClosedDatabase', () => {
  it('takes over a database that a crash left closed, and seals it', async () => {
    const tenant = newTenant();
    const creation = { database: tenant.names.database, template };
    expect(await createClosedDatabase(on.session, creation)).toBe('created');
    expect(await createClosedDatabase(on.session, creation)).toBe('closed');
    await createTenantRoles(on.session, { ...tenant, neutral, applicationConnectionLimit: 10 });
    await sealDatabase(on.session, { names: tenant.names, neutral });
    expect(await createClosedDatabase(on.session, creation)).toBe('sealed');
    await sealDatabase(on.session, { names: tenant.names, neutral });
    const { applicationRole, database } = tenant.names;
    expect(await tryLogin(applicationRole, tenant.passwords.application, database)).toBe('let in');
  });

  it('refuses a database that PUBLIC may enter', async () => {
    const { names } = newTenant();
    await on.session.run(`CREATE DATABASE ${names.database}`);
    const creation = createClosedDatabase(on.session, { database: names.database, template });
    await expect(creation).rejects.toMatchObject({ code: 'verification_failed' });
    await dropTenantDatabase(on.session, names);
  });

  it('makes an invalid database anew', async () => {
    const { names } = await on.makeTenant(on.session);
    const before = await readDatabase(on.session, names.database);
    await on.session.run('UPDATE pg_database SET datconnlimit = -2 WHERE datname = $1', [names.database]);
    expect((await readDatabase(on.session, names.database))?.isInvalid).toBe(true);
    expect(await createClosedDatabase(on.session, { database: names.database, template })).toBe('created');
    const after = await readDatabase(on.session, names.database);
    expect(after).toMatchObject({ isInvalid: false, allowsConnections: false });
    expect(after?.oid).not.toBe(before?.oid);
  });

  it.each(['wal_log', 'file_copy'] as const)('clones with the strategy %s', async (strategy) => {
    const { names } = newTenant();
    const creation = { database: names.database, template, strategy };
    expect(await createClosedDatabase(on.session, creation)).toBe('created');
  });

  it('lets nobody in between creation and sealing, the superuser included', async () => {
    const { names } = newTenant();
    await createClosedDatabase(on.session, { database: names.database, template });
    const { user, password } = on.server.admin;
    expect(await tryLogin(user, password, names.database)).toBe('55000');
  });

  it('makes one database when 16 sessions make the same tenant at once', async () => {
    const tenant = newTenant();
    const sessions = await Promise.all(Array.from({ length: 16 }, () => on.openSession()));
    await Promise.all(sessions.map((session) => on.makeTenant(session, tenant)));
    const { migratorRole, applicationRole, database } = tenant.names;
    expect(await tryLogin(migratorRole, tenant.passwords.migrator, database)).toBe('let in');
    expect(await tryLogin(applicationRole, tenant.passwords.application, database)).toBe('let in');
    await Promise.all(sessions.map((session) => session.close()));
  });
});

describe('closeDatabase', () => {
  it('ends the sessions and keeps everybody out until the database is sealed again', async () => {
    const { names, passwords } = await on.makeTenant(on.session);
    const client = await on.logIn(names.applicationRole, passwords.application, names.database);
    await closeDatabase(on.session, names.database);
    await expect(client.query('SELECT 1')).rejects.toThrow();
    expect(await tryLogin(names.applicationRole, passwords.application, names.database)).toBe('55000');
    await sealDatabase(on.session, { names, neutral });
    expect(await tryLogin(names.applicationRole, passwords.application, names.database)).toBe('let in');
  });
});

describe('dropTenantDatabase', () => {
  it('removes database and roles while they are in use, and again when they are gone', async () => {
    const { names, passwords } = await on.makeTenant(on.session);
    await on.session.run(`GRANT CONNECT ON DATABASE postgres TO ${names.applicationRole}`);
    const inside = await on.logIn(names.applicationRole, passwords.application, names.database);
    const elsewhere = await on.logIn(names.applicationRole, passwords.application, 'postgres');
    await dropTenantDatabase(on.session, names);
    await expect(inside.query('SELECT 1')).rejects.toThrow();
    await expect(elsewhere.query('SELECT 1')).rejects.toThrow();
    expect(await readDatabase(on.session, names.database)).toBeUndefined();
    await dropTenantDatabase(on.session, names);
  });

  it('removes what a crash left at each point', async () => {
    const halfDone: ((tenant: ReturnType<typeof newTenant>) => Promise<unknown>)[] = [
      ({ names }) => on.session.run(`CREATE ROLE ${names.migratorRole}`),
      ({ names }) => createClosedDatabase(on.session, { database: names.database, template }),
      async (tenant) => {
        await on.makeTenant(on.session, tenant);
        await closeDatabase(on.session, tenant.names.database);
      },
      async (tenant) => {
        await on.makeTenant(on.session, tenant);
        await on.session.run('UPDATE pg_database SET datconnlimit = -2 WHERE datname = $1', [
          tenant.names.database,
        ]);
      },
      async (tenant) => {
        await on.makeTenant(on.session, tenant);
        await on.session.run(`DROP DATABASE ${tenant.names.database}`);
      },
    ];
    for (const leave of halfDone) {
      const tenant = newTenant();
      await leave(tenant);
      await dropTenantDatabase(on.session, tenant.names);
      const left = await listPlatformObjects(on.session, {
        databases: { prefixes: [], names: [tenant.names.database] },
        roles: { prefixes: [], names: [tenant.names.migratorRole, tenant.names.applicationRole] },
      });
      expect(left).toEqual({ databases: [], roles: [] });
    }
  });

  it('names the prepared transactions that hold the database, and finishes after they are gone', async () => {
    const { names, passwords } = await on.makeTenant(on.session);
    const client = await on.logIn(names.migratorRole, passwords.migrator, names.database);
    await client.query("BEGIN; INSERT INTO contact (name) VALUES ('x'); PREPARE TRANSACTION 'left over'");
    await expect(dropTenantDatabase(on.session, names)).rejects.toMatchObject({
      code: 'database_server_busy',
      message: expect.stringContaining('left over'),
    });
    await sealDatabase(on.session, { names, neutral });
    await on.asSuperuser(names.database, "ROLLBACK PREPARED 'left over'");
    await dropTenantDatabase(on.session, names);
    expect(await readDatabase(on.session, names.database)).toBeUndefined();
  });

  it.each(['postgres', 'template1', template])('never drops %s', async (database) => {
    const names = { ...newTenant().names, database };
    await expect(dropTenantDatabase(on.session, names)).rejects.toMatchObject({
      code: 'verification_failed',
    });
  });
});

describe('ensureNeutralRoles', () => {
  it('makes both roles once when many start at once, and takes a login from them', async () => {
    const roles = { owner: 'tm_owner_many', application: 'tm_app_many' };
    const sessions = await Promise.all(Array.from({ length: 6 }, () => on.openSession()));
    await Promise.all(sessions.map((session) => ensureNeutralRoles(session, roles)));
    await on.session.run(`ALTER ROLE ${roles.owner} LOGIN`);
    await ensureNeutralRoles(on.session, roles);
    const found = await readRoles(on.session, [roles.owner, roles.application]);
    expect([...found.values()].map((role) => role.canLogin)).toEqual([false, false]);
    await Promise.all(sessions.map((session) => session.close()));
  });
});

describe('the inventory', () => {
  const wanted = (databases: string[], roles: string[]) => ({
    databases: { prefixes: databases, names: [] },
    roles: { prefixes: roles, names: [] },
  });

  it('tells rights, limits, sessions and whose objects a database holds', async () => {
    const { names, passwords } = await on.makeTenant(on.session);
    await on.logIn(names.applicationRole, passwords.application, names.database);
    const { databases, roles } = await listPlatformObjects(
      on.session,
      wanted([names.database], [names.applicationRole]),
    );
    const grantees = [names.applicationRole, names.migratorRole, neutral.owner].sort();
    expect(databases).toMatchObject([{ sessions: 1, isOpenToPublic: false, allowsConnections: true }]);
    expect([...(databases[0]?.grantees ?? [])].sort()).toEqual(grantees);
    expect(roles).toMatchObject([
      { connectionLimit: 10, sessions: 1, mayCreateDatabasesOrRoles: false, memberOf: [neutral.application] },
    ]);
    const holders = [names.database, 'postgres'];
    const held = await listDatabasesWithObjectsOf(on.session, neutral.owner, holders);
    expect([...held]).toEqual([names.database]);
  });

  it('takes the prefixes literally', async () => {
    const { names } = await on.makeTenant(on.session);
    await on.session.run('CREATE ROLE mxlookalike');
    const found = await listPlatformObjects(on.session, wanted(['t_'], ['m_']));
    expect(found.databases.map(({ name }) => name)).toContain(names.database);
    expect(found.databases.every(({ name }) => name.startsWith('t_'))).toBe(true);
    expect(found.roles.map(({ name }) => name)).toContain(names.migratorRole);
    expect(found.roles.map(({ name }) => name)).not.toContain('mxlookalike');
    expect(await listPlatformObjects(on.session, wanted(['%'], ['_']))).toEqual({
      databases: [],
      roles: [],
    });
  });

  it('lists the databases that every login may enter', async () => {
    expect(await listOpenDatabases(on.session)).toEqual([]);
    await on.session.run('CREATE DATABASE left_open');
    expect(await listOpenDatabases(on.session)).toEqual(['left_open']);
    await on.session.run('DROP DATABASE left_open');
  });
});

it("writes no password to the server's log", async () => {
  const tenant = await on.makeTenant(on.session);
  const { names, passwords, verifiers } = tenant;
  // A failing statement is what writes itself into the log of a server with default settings.
  const failing = `CREATE ROLE ${names.migratorRole} PASSWORD '${verifiers.migrator}'`;
  await expect(on.session.run(failing)).rejects.toMatchObject({ code: '42710' });
  await createTenantRoles(on.session, { ...tenant, neutral, applicationConnectionLimit: 10 });
  await tryLogin(names.applicationRole, passwords.application, names.database);
  const log = await readFile(on.postgres.logFile, 'utf8');
  expect(log).toContain(`CREATE ROLE "${names.migratorRole}"`);
  expect(log).not.toContain(passwords.migrator);
  expect(log).not.toContain(passwords.application);
});
