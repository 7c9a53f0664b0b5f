import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestRows, fingerprintDatabase, fingerprintRows } from '../../src/databases/fingerprint.ts';
import { ensurePolicyRoles } from '../../src/databases/template-policy-roles.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();
const pagila = join(import.meta.dirname, '../../../shared/schemas/pagila.sql');
if (!existsSync(pagila)) console.log(`the tests with pagila are skipped: there is no ${pagila}`);

let on: TemplatePlace;

beforeAll(async () => {
  on = await openTemplatePlace();
});
afterAll(() => on.close());

const databaseSource = (name: string) => {
  if (tools === null) throw new Error('There are no tools.');
  return { kind: 'database' as const, name, tools };
};

describe.skipIf(tools === null)('templates of other sources', () => {
  it.skipIf(!existsSync(pagila))('builds pagila and clones it', async () => {
    const source = await on.makeSource(await readFile(pagila, 'utf8'));
    const startedAt = performance.now();
    const built = await on.build(databaseSource(source));
    console.log(
      `template of pagila: ${Math.round(performance.now() - startedAt)} ms, ${built.tables} tables`,
    );
    const migrator = await on.asMigrator(await on.makeTenant(built.names.template));
    const found = await fingerprintDatabase(migrator, { neutral: on.neutral, dataTables: [] }).finally(() =>
      migrator.end(),
    );
    expect(found).toEqual(built.fingerprint);
    expect(built.tables).toBeGreaterThan(60);
    expect(built.sizeBytes).toBeGreaterThan(5_000_000);
  });

  it('keeps the encoding and the collation', async () => {
    const name = await on.makeSource('SELECT 1');
    await on.session.run(`DROP DATABASE ${name}`);
    await on.session.run(
      `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`,
    );
    await on.query(name, 'CREATE TABLE t (id int)');
    const { names } = await on.build(databaseSource(name));
    // Its other columns came and went with the majors: template-locale.test.ts.
    const locale = 'encoding, datcollate, datctype';
    const rows = await on.session.rows(
      `SELECT DISTINCT ${locale} FROM pg_database WHERE datname IN ($1, $2)`,
      [name, names.template],
    );
    expect(rows).toHaveLength(1);
  });

  it.skipIf(tools === null)('follows a source that has no schema public', async () => {
    const source = await on.makeSource('DROP SCHEMA public; CREATE SCHEMA app; CREATE TABLE app.t (id int)');
    const { names } = await on.build(databaseSource(source));
    const application = await on.asApplication(await on.makeTenant(names.template));
    await application.query('INSERT INTO app.t VALUES (1)');
    const { rows } = await application
      .query("SELECT to_regnamespace('public') AS public")
      .finally(() => application.end());
    expect(rows).toEqual([{ public: null }]);
  });

  it('makes the roles that policies name where they are missing, without a login', async () => {
    const [missing, existing] = [
      `policy_a_${on.neutral.owner.slice(-8)}`,
      `policy_b_${on.neutral.owner.slice(-8)}`,
    ];
    await on.session.run(`CREATE ROLE ${existing} LOGIN`);
    await ensurePolicyRoles(on.session, [missing, existing]);
    const rows = await on.session.rows(
      'SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname IN ($1, $2) ORDER BY 1',
      [missing, existing],
    );
    await on.session.run(`DROP ROLE ${missing}, ${existing}`);
    expect(rows).toEqual([
      { rolname: missing, rolcanlogin: false },
      { rolname: existing, rolcanlogin: true },
    ]);
  });
});

describe('a template of a file', () => {
  const sample = `CREATE SCHEMA crm; CREATE TABLE crm.account (id serial PRIMARY KEY, name text);
    CREATE FUNCTION crm.name_of(int) RETURNS text LANGUAGE sql AS 'SELECT name FROM crm.account WHERE id = $1';
    INSERT INTO crm.account (name) VALUES ('first');`;

  it('needs no pg_dump, and its clones have its fingerprint', async () => {
    const path = join(on.folder, 'sample.sql');
    await writeFile(path, sample);
    const built = await on.build({ kind: 'sql', path }, { dataTables: ['crm.account'] });
    const tenant = await on.makeTenant(built.names.template);
    const [migrator, application] = [await on.asMigrator(tenant), await on.asApplication(tenant)];
    const rows = await fingerprintRows(migrator, {
      neutral: on.neutral,
      dataTables: ['crm.account'],
    }).finally(() => migrator.end());
    const { rows: named } = await application
      .query('SELECT crm.name_of(1) AS name')
      .finally(() => application.end());
    expect({ fingerprint: digestRows(rows), named, tables: built.tables }).toEqual({
      fingerprint: built.fingerprint,
      named: [{ name: 'first' }],
      tables: 1,
    });
    expect(rows.filter(({ kind }) => kind === 'rows')).toHaveLength(1);
  });

  it('leaves nothing behind when the file is wrong', async () => {
    const path = join(on.folder, 'wrong.sql');
    await writeFile(path, 'CREATE TABLE t (id int); CREATE TABLE t (id int)');
    const names = on.newTemplateNames();
    await expect(on.build({ kind: 'sql', path }, { names })).rejects.toMatchObject({
      code: 'template_restore_failed',
      message: expect.stringContaining('relation "t" already exists'),
    });
    expect(await on.listObjects(names)).toEqual([]);
  });
});
