import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprintDatabase, fingerprintRows } from '../../src/databases/fingerprint.ts';
import { describeFingerprintDifference } from '../../src/databases/fingerprint-difference.ts';
import { inPrivateFolder } from '../../src/databases/pg-tools-folder.ts';
import { verifyTenantDatabase } from '../../src/databases/verify-database.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();

const dataTables = ['public.country', 'ledger'];
let on: TemplatePlace;
let everyKind: string;

beforeAll(async () => {
  on = await openTemplatePlace();
  await on.session.run('CREATE ROLE every_kind_staff NOLOGIN');
  const script = await readFile(join(import.meta.dirname, 'every-kind.sql'), 'utf8');
  everyKind = await on.makeSource(script);
});
afterAll(async () => {
  await on.query(everyKind, 'DROP OWNED BY every_kind_staff');
  await on.close();
  await on.query('postgres', 'DROP ROLE every_kind_staff');
});

const databaseSource = (name: string) => {
  if (tools === null) throw new Error('There are no tools.');
  return { kind: 'database' as const, name, tools };
};

describe.skipIf(tools === null)('a template of every kind of object', () => {
  let built: Awaited<ReturnType<TemplatePlace['build']>>;

  beforeAll(async () => {
    built = await on.build(databaseSource(everyKind), { dataTables });
  });

  it('has the structure of a plain restore, with the source’s extension versions', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const plain = await on.makeSource('SELECT 1');
    await inPrivateFolder(async (folder) => {
      const signal = AbortSignal.timeout(30_000);
      const login = { address: on.server, ...on.server.admin };
      const file = join(folder, 'dump');
      await tools.dump({ login: { ...login, database: everyKind }, options: ['-Fc'], file, signal });
      const entries = [...(await tools.list(file, [], signal)).matchAll(/^(\d+); /gm)].map(([, id]) =>
        Number(id),
      );
      const into = { ...login, database: plain };
      await tools.restore({ login: into, archive: file, entries, serverMajor: on.major, signal });
    });
    const tenant = await on.makeTenant(built.names.template);
    const [expected, found] = [await on.connect(plain), await on.asMigrator(tenant)];
    const subject = { neutral: on.neutral, dataTables };
    const differences = describeFingerprintDifference(
      await fingerprintRows(expected, subject).finally(() => expected.end()),
      await fingerprintRows(found, subject).finally(() => found.end()),
    ).filter(({ part }) => part !== 'privileges');
    expect(differences.map(({ kind, identity, change }) => `${change} ${kind} ${identity}`).sort()).toEqual([
      // pg_dump knows no versions, and a plain restore carries all rows.
      'different extension pg_trgm',
      'different sequence position sales.company_id_seq',
      'different sequence position sales.invoice_number',
      'missing comment event trigger grab_ddl',
      'missing event trigger grab_ddl',
    ]);
  });

  it('gives a clone the same fingerprint, seen by its migrator', async () => {
    const tenant = await on.makeTenant(built.names.template);
    const migrator = await on.asMigrator(tenant);
    const found = await fingerprintDatabase(migrator, { neutral: on.neutral, dataTables }).finally(() =>
      migrator.end(),
    );
    expect(found).toEqual(built.fingerprint);
  });

  it('is what verifying a tenant expects', async () => {
    const { names, passwords } = await on.makeTenant(built.names.template);
    const { session, server, neutral } = on;
    const inspect = (client: Parameters<typeof fingerprintDatabase>[0]) =>
      fingerprintDatabase(client, { neutral, dataTables });
    const expected = built.fingerprint;
    const { settings } = built;
    const request = { session, address: server, names, neutral, passwords, expected, settings, inspect };
    expect(await verifyTenantDatabase(request)).toEqual({ outcome: 'verified' });
  });

  it('reports what it does not carry, without the passwords in it', () => {
    const found = built.notCarried.map(({ kind, name }) => `${kind}: ${name}`).sort();
    expect(found).toEqual([
      'default privileges: every_kind_staff',
      'event trigger: grab_ddl',
      'policy: staff_only on public.contact',
      'privilege: CREATE on the schema public for PUBLIC',
      'privilege: every_kind_staff',
      `user mapping: elsewhere for ${on.server.admin.user}`,
    ]);
    expect(JSON.stringify(built)).not.toContain('canary-password');
  });

  it('leaves no object outside extensions to a superuser but what nobody else may own', async () => {
    const tenant = await on.makeTenant(built.names.template);
    const { rows } = await on.query(
      tenant.names.database,
      await readFile(join(import.meta.dirname, 'superusers-objects.sql'), 'utf8'),
    );
    expect(rows.map(({ object }) => object)).toEqual([
      'event trigger note_ddl',
      'foreign-data wrapper bare',
      'function public.note_ddl()',
      'publication everything',
      ...(on.major >= 15 ? ['publication of_sales'] : []),
    ]);
  });

  it('carries the rows and the numbering of the data tables, and no others', async () => {
    const tenant = await on.makeTenant(built.names.template);
    const application = await on.asApplication(tenant);
    const { rows } = await application
      .query(
        `SELECT (SELECT count(*) FROM country)::int AS countries, (SELECT name FROM ledger) AS migration,
                (SELECT count(*) FROM sales.company)::int AS companies,
                nextval('country_number_seq')::int AS next, nextval('sales.invoice_number')::int AS invoice,
                (SELECT countries FROM country_count)::int AS counted, (SELECT twice FROM country_twice)::int AS twice`,
      )
      .finally(() => application.end());
    expect(rows).toEqual([
      {
        countries: 2,
        migration: 'first migration',
        companies: 0,
        next: 3,
        invoice: 1000,
        counted: 2,
        twice: 4,
      },
    ]);
  });

  it('lets the application role write, and PUBLIC do exactly what it may in the source', async () => {
    const tenant = await on.makeTenant(built.names.template);
    const application = await on.asApplication(tenant);
    const outcome = (sql: string) =>
      application.query(sql).then(
        () => 'done',
        (error: { code: string }) => error.code,
      );
    const outcomes = {
      insert: await outcome("INSERT INTO sales.company (name) VALUES ('A')"),
      partition: await outcome("INSERT INTO event VALUES (1, '2026-05-05', 'x')"),
      odd: await outcome('INSERT INTO "Odd ""Name"""."Ta ble" VALUES (1, \'x\')'),
      policy: await outcome("INSERT INTO contact (company_id, full_name) VALUES (1, '')"),
      openFunction: await outcome('SELECT open_count()'),
      revokedFunction: await outcome('SELECT secret_count()'),
      revokedOfSystem: await outcome('SELECT pg_sleep(0)'),
      revokedOfExtension: await outcome("SELECT similarity('a', 'b')"),
      createTable: await outcome('CREATE TABLE public.mine (id int)'),
      createInSales: await outcome('CREATE TABLE sales.mine (id int)'),
      createSchema: await outcome('CREATE SCHEMA mine'),
      alter: await outcome('ALTER TABLE contact ADD COLUMN x int'),
      truncate: await outcome('TRUNCATE country'),
      becomeOwner: await outcome(`SET ROLE ${on.neutral.owner}`),
    };
    await application.end();
    const refused = '42501';
    expect(outcomes).toEqual({
      insert: 'done',
      partition: 'done',
      odd: 'done',
      policy: refused,
      openFunction: 'done',
      revokedFunction: refused,
      revokedOfSystem: refused,
      revokedOfExtension: refused,
      createTable: refused,
      createInSales: refused,
      createSchema: refused,
      alter: refused,
      truncate: refused,
      becomeOwner: refused,
    });
  });

  it('lets the migrator make what the application role can use at once', async () => {
    const tenant = await on.makeTenant(built.names.template);
    const [migrator, application] = [await on.asMigrator(tenant), await on.asApplication(tenant)];
    await migrator
      .query(
        `CREATE SCHEMA later; CREATE TABLE later.thing (id serial, name text);
         CREATE FUNCTION later.hidden() RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE EXTENSION citext; DROP TABLE public.scratch; ALTER TABLE contact ADD COLUMN nick text`,
      )
      .finally(() => migrator.end());
    await application.query("INSERT INTO later.thing (name) VALUES ('x') RETURNING id");
    // The source took EXECUTE on new functions away from PUBLIC.
    await expect(application.query('SELECT later.hidden()')).rejects.toMatchObject({ code: '42501' });
    await application.end();
  });

  it('cannot be connected to, and left no builder', async () => {
    await expect(on.connect(built.names.template)).rejects.toMatchObject({ code: '55000' });
    const rows = await on.session.rows(
      `SELECT datistemplate, datallowconn, (SELECT count(*)::int FROM pg_roles WHERE rolname = $2) AS builders,
              has_database_privilege($3, datname, 'CREATE') AS "ownerCreates"
         FROM pg_database WHERE datname = $1`,
      [built.names.template, built.names.builderRole, on.neutral.owner],
    );
    expect(rows).toEqual([{ datistemplate: true, datallowconn: false, builders: 0, ownerCreates: false }]);
  });
});
