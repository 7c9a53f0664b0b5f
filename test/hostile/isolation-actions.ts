import type { IsolationPlace, Who } from './isolation-place.ts';
import { allowed } from './isolation-place.ts';

/** What a statement needs to name. `self` is the login of whoever tries. */
export type Names = {
  self: string;
  own: string;
  foreign: string;
  foreignApplication: string;
  foreignMigrator: string;
  template: string;
  registry: string;
  owner: string;
  application: string;
};

export type Action = {
  sql: (names: Names) => string;
  /** Who may; everybody else gets 42501 or what `state` says. */
  may?: readonly Who[];
  state?: string;
};

export function namesFor(on: IsolationPlace, who: Who): Names {
  const { first, second, neutral, template, bench } = on;
  return {
    self: who === 'application' ? first.names.applicationRole : first.names.migratorRole,
    own: first.names.database,
    foreign: second.names.database,
    foreignApplication: second.names.applicationRole,
    foreignMigrator: second.names.migratorRole,
    template,
    registry: bench.registryName,
    owner: neutral.owner,
    application: neutral.application,
  };
}

const plain = (...statements: string[]): Action[] => statements.map((sql) => ({ sql: () => sql }));
const named = (...statements: ((names: Names) => string)[]): Action[] => statements.map((sql) => ({ sql }));

const roles: Action[] = [
  ...named(
    ({ foreignApplication }) => `SET ROLE ${foreignApplication}`,
    ({ foreignMigrator }) => `SET ROLE ${foreignMigrator}`,
    ({ foreignApplication }) => `SET SESSION AUTHORIZATION ${foreignApplication}`,
    ({ self }) => `ALTER ROLE ${self} SUPERUSER`,
    ({ self }) => `ALTER ROLE ${self} CREATEDB`,
    ({ self }) => `ALTER ROLE ${self} CREATEROLE`,
    ({ self }) => `ALTER ROLE ${self} BYPASSRLS`,
    ({ self }) => `ALTER ROLE ${self} REPLICATION`,
    ({ self }) => `ALTER ROLE ${self} CONNECTION LIMIT -1`,
    ({ owner }) => `ALTER ROLE ${owner} LOGIN`,
    ({ foreignApplication }) => `ALTER ROLE ${foreignApplication} PASSWORD 'x'`,
    ({ foreignMigrator }) => `ALTER ROLE ${foreignMigrator} RENAME TO taken`,
    ({ foreignApplication }) => `ALTER ROLE ${foreignApplication} SET search_path = 'x'`,
    ({ foreignApplication, foreign }) => `ALTER ROLE ${foreignApplication} IN DATABASE ${foreign} RESET ALL`,
    ({ own }) => `ALTER ROLE ALL IN DATABASE ${own} SET work_mem = '1MB'`,
    ({ foreignApplication }) => `DROP ROLE ${foreignApplication}`,
    ({ owner, foreignMigrator }) => `GRANT ${owner} TO ${foreignMigrator}`,
    ({ owner, foreignApplication }) => `GRANT ${owner} TO ${foreignApplication}`,
    ({ application, foreignMigrator }) => `GRANT ${application} TO ${foreignMigrator}`,
    ({ foreignApplication, self }) => `GRANT ${foreignApplication} TO ${self}`,
    ({ foreignApplication, self }) => `REASSIGN OWNED BY ${foreignApplication} TO ${self}`,
    ({ owner, foreignMigrator }) => `REASSIGN OWNED BY ${owner} TO ${foreignMigrator}`,
    ({ self }) => `REASSIGN OWNED BY postgres TO ${self}`,
    ({ foreignApplication }) => `DROP OWNED BY ${foreignApplication}`,
    ({ self }) => `GRANT pg_execute_server_program TO ${self}`,
    ({ self }) => `GRANT pg_read_server_files TO ${self}`,
    ({ self }) => `GRANT pg_signal_backend TO ${self}`,
  ),
  ...plain(
    'SET ROLE postgres',
    'SET SESSION AUTHORIZATION postgres',
    'CREATE ROLE accomplice LOGIN',
    'ALTER ROLE ALL SET work_mem = 1',
    'ALTER ROLE postgres PASSWORD NULL',
    'DROP OWNED BY postgres',
  ),
  { sql: ({ owner }) => `SET ROLE ${owner}`, may: ['migrator', 'freed'] },
  { sql: ({ application }) => `SET ROLE ${application}`, may: ['application'] },
  { sql: ({ self }) => `ALTER ROLE ${self} RENAME TO renamed`, state: '0A000' },
];

const databases: Action[] = [
  ...named(
    ({ registry, self }) => `GRANT CONNECT ON DATABASE ${registry} TO ${self}`,
    ({ template, self }) => `GRANT CONNECT ON DATABASE ${template} TO ${self}`,
    ({ own, self }) => `ALTER DATABASE ${own} OWNER TO ${self}`,
    ({ own }) => `ALTER DATABASE ${own} CONNECTION LIMIT 1000`,
    ({ own }) => `ALTER DATABASE ${own} ALLOW_CONNECTIONS false`,
    ({ own }) => `ALTER DATABASE ${own} IS_TEMPLATE true`,
    ({ own }) => `ALTER DATABASE ${own} RENAME TO renamed`,
    ({ own }) => `ALTER DATABASE ${own} SET search_path = 'x'`,
    ({ own }) => `ALTER DATABASE ${own} SET TABLESPACE pg_default`,
    ({ own }) => `COMMENT ON DATABASE ${own} IS 'x'`,
    ({ own }) => `DROP DATABASE ${own}`,
    ({ foreign }) => `ALTER DATABASE ${foreign} RENAME TO renamed`,
    ({ foreign }) => `ALTER DATABASE ${foreign} ALLOW_CONNECTIONS false`,
    ({ foreign }) => `ALTER DATABASE ${foreign} CONNECTION LIMIT 0`,
    ({ foreign, self }) => `ALTER DATABASE ${foreign} OWNER TO ${self}`,
    ({ foreign }) => `DROP DATABASE ${foreign}`,
    ({ registry }) => `DROP DATABASE ${registry}`,
    ({ template }) => `ALTER DATABASE ${template} ALLOW_CONNECTIONS true`,
    ({ template }) => `DROP DATABASE ${template}`,
    ({ template }) => `CREATE DATABASE copied TEMPLATE ${template}`,
    ({ foreign }) => `CREATE DATABASE copied TEMPLATE ${foreign}`,
    ({ foreign }) => `SELECT pg_database_size('${foreign}')`,
  ),
  ...plain('CREATE DATABASE mine', "CREATE TABLESPACE mine LOCATION '/tmp'"),
];

const files = plain(
  "COPY companies TO PROGRAM 'id'",
  "COPY companies FROM PROGRAM 'id'",
  "COPY companies TO '/tmp/companies'",
  "COPY companies FROM '/etc/passwd'",
  "SELECT lo_import('/etc/passwd')",
  "SELECT lo_export(1, '/tmp/exported')",
  "SELECT pg_read_file('postgresql.conf')",
  "SELECT pg_read_binary_file('global/pg_control')",
  "SELECT pg_ls_dir('.')",
  "SELECT pg_stat_file('postgresql.conf')",
  'SELECT pg_ls_logdir()',
  'SELECT pg_ls_waldir()',
  'SELECT pg_ls_tmpdir()',
  "LOAD '/tmp/evil.so'",
);

const wholeServer = plain(
  "ALTER SYSTEM SET work_mem = '1MB'",
  'ALTER SYSTEM RESET ALL',
  'SELECT pg_reload_conf()',
  'SELECT pg_rotate_logfile()',
  'SELECT pg_switch_wal()',
  "SELECT pg_create_restore_point('x')",
  "SELECT pg_create_physical_replication_slot('x')",
  "SELECT pg_create_logical_replication_slot('x', 'pgoutput')",
  'SELECT pg_stat_reset()',
  "SELECT pg_stat_reset_shared('bgwriter')",
  'CHECKPOINT',
  'SET session_replication_role = replica',
  'SET temp_file_limit = -1',
  'SET allow_system_table_mods = on',
  "SET log_statement = 'none'",
  'SET zero_damaged_pages = on',
  'ALTER ROLE CURRENT_USER SET temp_file_limit = -1',
  'SELECT * FROM pg_authid',
  'SELECT * FROM pg_shadow',
  'SELECT subconninfo FROM pg_subscription',
  'SELECT * FROM pg_user_mapping',
  'SELECT * FROM pg_hba_file_rules',
  'SELECT * FROM pg_file_settings',
  'SELECT * FROM pg_statistic',
  'SELECT * FROM pg_largeobject',
  'UPDATE pg_database SET datallowconn = true',
  'UPDATE pg_authid SET rolsuper = true',
  "DELETE FROM pg_class WHERE relname = 'companies'",
);

const dangerousObjects: Action[] = [
  ...plain(
    'CREATE EXTENSION dblink',
    'CREATE EXTENSION postgres_fdw',
    'CREATE EXTENSION file_fdw',
    'CREATE EXTENSION pageinspect',
    'CREATE FOREIGN DATA WRAPPER w',
    'CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION touch_updated_at()',
    'CREATE SCHEMA given AUTHORIZATION postgres',
    'ALTER TABLE companies OWNER TO postgres',
    'ALTER FUNCTION touch_updated_at() OWNER TO postgres',
    'CREATE PUBLICATION everything FOR ALL TABLES',
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p",
    'CREATE ACCESS METHOD am TYPE index HANDLER bthandler',
    "CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'pg_backend_pid'",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/tmp/evil.so', 'f'",
    "CREATE FUNCTION f(int) RETURNS bool LANGUAGE sql LEAKPROOF AS 'SELECT true'",
    'CREATE CAST (bytea AS text) WITHOUT FUNCTION',
    'CREATE TYPE base (INPUT = textin, OUTPUT = textout)',
    'CREATE OPERATOR CLASS oc FOR TYPE int USING btree AS STORAGE int',
    'ALTER FUNCTION pg_catalog.lower(text) SECURITY DEFINER',
    'CREATE FUNCTION pg_catalog.lower(varchar) RETURNS text LANGUAGE sql AS $$ SELECT $1 $$',
    'ALTER SCHEMA pg_catalog RENAME TO gone',
    'GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_file(text) TO PUBLIC',
  ),
];

/** Everything that no tenant may, in whatever shape. */
export const serverActions: readonly (readonly [room: string, actions: readonly Action[]])[] = [
  ['roles', roles],
  ['databases', databases],
  ['files and programs', files],
  ['the server', wholeServer],
  ['objects that need a superuser', dangerousObjects],
];

const migrators = ['migrator'] as const;

/** What changes a schema: the migrator does, the application does not. */
export const schemaActions: readonly Action[] = [
  'CREATE TABLE offers (id int PRIMARY KEY, title text)',
  'ALTER TABLE companies ADD COLUMN more text',
  'CREATE INDEX more_index ON companies (name)',
  'CREATE VIEW ids AS SELECT id FROM companies',
  'CREATE MATERIALIZED VIEW stored AS SELECT id FROM companies',
  'CREATE SEQUENCE numbers',
  "CREATE TYPE mood AS ENUM ('a')",
  'CREATE DOMAIN short AS text',
  'CREATE FUNCTION one() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
  'CREATE TRIGGER noted BEFORE UPDATE ON tags EXECUTE FUNCTION touch_updated_at()',
  'CREATE RULE nothing AS ON DELETE TO tags DO INSTEAD NOTHING',
  'CREATE POLICY everybody ON companies USING (true)',
  'ALTER TABLE companies DISABLE TRIGGER companies_history',
  'CREATE STATISTICS counted ON id, name FROM companies',
  'CREATE COLLATION plain FROM "C"',
  'CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int)',
  'CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)',
  'CREATE TEXT SEARCH CONFIGURATION words (COPY = simple)',
  "COMMENT ON TABLE companies IS 'x'",
  'TRUNCATE attachments',
  'ALTER TABLE tags RENAME TO labels',
  'DROP TABLE attachments',
  'DROP FUNCTION company_timeline(uuid, int)',
  // Only the owner of a database may do these, or who got CREATE on it.
  'CREATE SCHEMA later',
  'CREATE EXTENSION citext',
  'CREATE PUBLICATION chosen FOR TABLE companies',
].map((sql) => ({ sql: () => sql, may: migrators }));

export const expectedState = ({ may, state = '42501' }: Action, who: Who): string =>
  may?.includes(who) ? allowed : state;
