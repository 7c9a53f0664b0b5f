import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClosedDatabase } from '../../src/databases/create-database.ts';
import { newNamePart } from '../../src/databases/database-name.ts';
import {
  applySettings,
  type DatabaseSetting,
  settingFaults,
  settingsQuery,
} from '../../src/databases/database-settings.ts';
import { fingerprintSource } from '../../src/databases/source-inspection.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();
let on: TemplatePlace;

beforeAll(async () => {
  on = await openTemplatePlace();
});
afterAll(() => on.close());

const databaseSource = (name: string) => {
  if (tools === null) throw new Error('There are no tools.');
  return { kind: 'database' as const, name, tools };
};

const settingsOf = (database: string) =>
  on.session.rows<DatabaseSetting>(`${settingsQuery('d.datname = $1')} ORDER BY 1`, [database]);

/** Runs `ALTER DATABASE … SET` with each of the clauses. */
async function set(database: string, ...clauses: string[]): Promise<void> {
  for (const clause of clauses) await on.session.run(`ALTER DATABASE ${database} SET ${clause}`);
}

async function copySettings(from: string): Promise<string> {
  const copy = await on.makeSource('SELECT 1');
  await applySettings(on.session, copy, await settingsOf(from));
  return copy;
}

describe('a database that is told the settings of another', () => {
  it.each([
    'search_path = sales, public',
    `search_path = "$user", public`,
    `search_path = 'Sales', "with ""quotes""", 'a, b'`,
    `search_path = ''`,
    `timezone = 'Asia/Tokyo'`,
    `datestyle = 'German, DMY'`,
    `app.motto = 'it''s; DROP ROLE x; -- "y" \\ z'`,
    `app.empty = ''`,
    `"App.a_name_that_is_rather_long_but_within_the_limits.of_each_of_its_parts_only" = 'x=y'`,
    'work_mem = 65536',
  ])('has them word for word: %s', async (clause) => {
    const original = await on.makeSource('SELECT 1');
    await set(original, clause);
    const copy = await copySettings(original);
    const [expected, found] = [await settingsOf(original), await settingsOf(copy)];
    expect(expected).toHaveLength(1);
    expect(found).toEqual(expected);
    expect(await settingFaults(on.session, copy, expected)).toEqual([]);
  });

  it('finds the same schemas by a path that was stored as it was typed', async () => {
    const original = await on.makeSource('SELECT 1');
    const client = await on.connect(original);
    await client.query(`SELECT set_config('search_path', 'Sales,"Odd",public', false)`);
    await client.query(`ALTER DATABASE ${original} SET search_path FROM CURRENT`).finally(() => client.end());
    const copy = await copySettings(original);
    expect(await settingsOf(copy)).toEqual([{ name: 'search_path', value: 'sales, "Odd", public' }]);
    expect(await settingFaults(on.session, copy, await settingsOf(original))).toEqual([]);
  });
});

it('has them from its first moment, also when a crash came between its creation and its settings', async () => {
  const template = await on.makeSource('CREATE TABLE t (id int)');
  await on.session.run(`ALTER DATABASE ${template} IS_TEMPLATE true ALLOW_CONNECTIONS false`);
  const database = `made_${newNamePart()}`;
  const settings = [{ name: 'TimeZone', value: 'Asia/Tokyo' }];
  expect(await createClosedDatabase(on.session, { database, template })).toBe('created');
  expect(await settingsOf(database)).toEqual([]);
  expect(await createClosedDatabase(on.session, { database, template, settings })).toBe('closed');
  expect(await settingsOf(database)).toEqual(settings);
  await on.session.run(`DROP DATABASE ${database}`);
  await on.session.run(`ALTER DATABASE ${template} IS_TEMPLATE false`);
});

describe.skipIf(tools === null)('a template', () => {
  it('carries what changes the meaning of statements, and says why it leaves out the rest', async () => {
    const source = await on.makeSource('CREATE TABLE t (id int)');
    const carried = ['search_path = sales, public', `timezone = 'Asia/Tokyo'`, `work_mem = '7MB'`];
    carried.push(`default_text_search_config = 'pg_catalog.german'`, `app.country = 'de'`);
    carried.push('pg_trgm.similarity_threshold = 0.5');
    const leftOut = {
      'session_preload_libraries = plpgsql': 'only superusers',
      "log_statement = 'all'": 'only superusers',
      'debug_print_plan = on': 'for one session',
      'default_transaction_read_only = on': 'nobody could write',
      "statement_timeout = '1min'": 'the platform’s to say',
      'synchronous_commit = off': 'a crash',
      'standard_conforming_strings = off': 'how statements are read',
      'quote_all_identifiers = on': 'how statements are read',
      "password_encryption = 'md5'": 'passwords',
      "plperl.on_init = 'system(1)'": 'an extension’s',
      "auto_explain.log_analyze = 'on'": 'an extension’s',
      "app.jwt_secret = 'canary-secret'": 'speaks of a secret',
    };
    await set(source, ...carried, ...Object.keys(leftOut));
    const { settings, notCarried } = await on.build(databaseSource(source));
    expect(settings).toEqual([
      { name: 'TimeZone', value: 'Asia/Tokyo' },
      { name: 'app.country', value: 'de' },
      { name: 'default_text_search_config', value: 'pg_catalog.german' },
      { name: 'pg_trgm.similarity_threshold', value: '0.5' },
      { name: 'search_path', value: 'sales, public' },
      { name: 'work_mem', value: '7MB' },
    ]);
    const reasons = new Map(
      notCarried.flatMap(({ kind, name, why }) => (kind === 'database setting' ? [[name, why]] : [])),
    );
    for (const [clause, why] of Object.entries(leftOut)) {
      expect(reasons.get(clause.split(' ')[0] ?? '')).toContain(why);
    }
    expect(reasons.size).toBe(Object.keys(leftOut).length);
    expect(JSON.stringify([settings, notCarried])).not.toContain('canary-secret');
  });

  it('fills its materialized views under the source’s settings', async () => {
    const source = await on.makeSource(
      `CREATE SCHEMA app; CREATE TABLE app.t (id int); INSERT INTO app.t VALUES (1), (2);
       CREATE FUNCTION public.counted() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT count(*) FROM t); END';
       SET search_path = app, public;
       CREATE MATERIALIZED VIEW public.facts AS
         SELECT public.counted() AS counted, current_setting('TimeZone') AS zone`,
    );
    await set(source, 'search_path = app, public', `timezone = 'Asia/Tokyo'`);
    const { names } = await on.build(databaseSource(source), { dataTables: ['app.t'] });
    const application = await on.asApplication(await on.makeTenant(names.template));
    const { rows } = await application
      .query('SELECT counted::int, zone FROM public.facts')
      .finally(() => application.end());
    expect(rows).toEqual([{ counted: 2, zone: 'Asia/Tokyo' }]);
  });

  it('finds its objects although the source quotes every name', async () => {
    const source = await on.makeSource(
      `CREATE TABLE t (id int); CREATE MATERIALIZED VIEW v AS SELECT 1 AS one;
       CREATE FUNCTION hidden() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE EXECUTE ON FUNCTION hidden() FROM PUBLIC`,
    );
    await set(source, 'quote_all_identifiers = on');
    const { names } = await on.build(databaseSource(source));
    const application = await on.asApplication(await on.makeTenant(names.template));
    const { rows } = await application.query('SELECT one FROM v');
    await expect(application.query('SELECT hidden()')).rejects.toMatchObject({ code: '42501' });
    await application.end();
    expect(rows).toEqual([{ one: 1 }]);
  });

  it('is made anew when a setting of the source changes', async () => {
    const source = await on.makeSource('CREATE TABLE t (id int)');
    const look = () =>
      fingerprintSource(on.server, source, { dataTables: [], signal: AbortSignal.timeout(30_000) });
    const before = await look();
    await set(source, `timezone = 'Asia/Tokyo'`);
    const after = await look();
    await set(source, 'statement_timeout = 0');
    expect(after).not.toBe(before);
    expect(await look()).toBe(after);
  });
});
