import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newNamePart } from '../../src/databases/database-name.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();
const role = `reader_${newNamePart()}`;
let on: TemplatePlace;
let source: string;

beforeAll(async () => {
  on = await openTemplatePlace();
  await on.session.run(`CREATE ROLE ${role} NOLOGIN`);
  source = await on.makeSource(
    'CREATE TABLE t (id int, note text); CREATE TABLE other (id int, note text); INSERT INTO t SELECT generate_series(1, 100)',
  );
});
afterAll(async () => {
  await on
    .query(source, 'ALTER SUBSCRIPTION copy SET (slot_name = NONE); DROP SUBSCRIPTION copy')
    .catch(() => undefined);
  await on.query(source, `DROP OWNED BY ${role}`);
  await on.close();
  await on.query('postgres', `DROP ROLE ${role}`);
});

/** What makes the source have it, and how it is reported. */
type Leftover = { kind: string; name: () => string; why: string; sql: (database: string) => string };

const leftovers: Leftover[] = [
  {
    kind: 'large objects',
    name: () => '1',
    why: 'rows of SOURCE_DATA_TABLES',
    sql: () => "SELECT lo_from_bytea(0, 'canary-object')",
  },
  { kind: 'planner statistics', name: () => 'of 1 tables', why: 'autovacuum', sql: () => 'ANALYZE t' },
  {
    kind: 'subscription',
    name: () => 'copy',
    why: 'replicate into every tenant',
    sql: () =>
      "CREATE SUBSCRIPTION copy CONNECTION 'host=x password=canary-word' PUBLICATION p WITH (connect = false)",
  },
  {
    kind: 'user mapping',
    name: () => `far for ${role}`,
    why: 'a password of the source',
    sql: () =>
      `CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
       CREATE USER MAPPING FOR ${role} SERVER far OPTIONS (password 'canary-word')`,
  },
  {
    kind: 'security label',
    name: () => 'table public.t',
    why: "a server's own policy",
    // No provider of labels comes with PostgreSQL.
    sql: () =>
      "INSERT INTO pg_seclabel VALUES ('t'::regclass, 'pg_class'::regclass, 0, 'provider', 'canary-label')",
  },
  {
    kind: 'privilege',
    name: () => role,
    why: 'on 1 objects: tenants have roles of their own',
    sql: () => `GRANT SELECT ON t TO ${role}`,
  },
  {
    kind: 'privilege',
    name: () => role,
    why: 'on 2 objects: tenants have roles of their own',
    sql: () => `GRANT UPDATE (note) ON other TO ${role}`,
  },
  {
    kind: 'privilege',
    name: () => role,
    why: 'on 5 objects: tenants have roles of their own',
    sql: () => `CREATE EXTENSION pg_stat_statements; GRANT SELECT ON pg_stat_statements TO ${role};
                GRANT EXECUTE ON FUNCTION pg_catalog.pg_ls_dir(text) TO ${role}; GRANT USAGE ON LANGUAGE plpgsql TO ${role}`,
  },
  {
    kind: 'privilege',
    name: () => 'DELETE, EXECUTE, UPDATE of their owner postgres',
    why: 'from itself on 2 objects',
    sql: () => `REVOKE UPDATE, DELETE ON other FROM postgres; CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1';
                REVOKE EXECUTE ON FUNCTION mine() FROM postgres`,
  },
  {
    kind: 'extension member',
    name: () => 'function public.joined(integer)',
    why: 'added to the extension "pg_stat_statements" by hand',
    sql: () => `CREATE FUNCTION joined(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
                ALTER EXTENSION pg_stat_statements ADD FUNCTION joined(int)`,
  },
  {
    kind: 'default privileges',
    name: () => role,
    why: 'objects made later',
    sql: () => `ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${role}`,
  },
  {
    kind: 'privilege',
    name: () => `${role} on the database`,
    why: 'who may enter',
    sql: (database) => `GRANT CREATE ON DATABASE ${database} TO ${role}`,
  },
  {
    kind: 'role setting',
    name: () => `app.word of ${role}`,
    why: 'roles of their own',
    sql: (database) => `ALTER ROLE ${role} IN DATABASE ${database} SET app.word = 'canary-word'`,
  },
  {
    kind: 'role setting',
    name: () => `work_mem of ${role}`,
    why: 'roles of their own',
    sql: () => `ALTER ROLE ${role} SET work_mem = '3MB'; GRANT CREATE ON SCHEMA public TO ${role};
                SET ROLE ${role}; CREATE TABLE owned (id int)`,
  },
  {
    kind: 'database comment',
    name: () => source,
    why: 'tells of the source',
    sql: (database) => `COMMENT ON DATABASE ${database} IS 'canary-word'`,
  },
  {
    kind: 'connection limit',
    name: () => '77',
    why: "the platform's to say",
    sql: (database) => `ALTER DATABASE ${database} CONNECTION LIMIT 77`,
  },
  {
    kind: 'privilege',
    name: () => 'CREATE on the schema public for PUBLIC',
    why: 'changes no schema',
    sql: () => 'GRANT CREATE ON SCHEMA public TO PUBLIC',
  },
  {
    kind: 'policy',
    name: () => 'p on public.t',
    why: `it is for ${role} only`,
    sql: () => `CREATE POLICY p ON t TO ${role} USING (true)`,
  },
];

describe.skipIf(tools === null)('of a source, a template reports', () => {
  it.each(leftovers)('$kind: $why', async ({ sql, kind, name, why }) => {
    if (tools === null) throw new Error('There are no tools.');
    await on.query(source, sql(source));
    const { notCarried } = await on.build({ kind: 'database', name: source, tools });
    const reported = notCarried.filter((found) => found.kind === kind && found.name === name());
    expect(reported).toHaveLength(1);
    expect(reported[0]?.why).toContain(why);
    expect(JSON.stringify(notCarried)).not.toContain('canary');
  });

  it('nothing more than there is', async () => {
    if (tools === null) throw new Error('There are no tools.');
    const plain = await on.makeSource('CREATE TABLE t (id int)');
    const { notCarried } = await on.build({ kind: 'database', name: plain, tools });
    expect(notCarried).toEqual([]);
  });
});
