import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { readSeedScript } from '../../src/config/seed-script.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seed-script-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function read(sql: string) {
  const path = join(folder, 'seed.sql');
  await writeFile(path, sql);
  return readSeedScript(path);
}

async function problemsOf(sql: string): Promise<string[]> {
  const result = await read(sql);
  return 'problems' in result ? result.problems : [];
}

async function scriptOf(sql: string) {
  const result = await read(sql);
  if ('problems' in result) throw new Error(result.problems.join('; '));
  return result.script;
}

describe('a seed', () => {
  it('is taken apart into code and placeholders, and is whole when it is put together', async () => {
    const sql = `INSERT INTO a VALUES ({{slug}}, {{ admin_email }}); -- {{whatever}}\nSELECT 1;`;
    const { parts } = await scriptOf(sql);
    expect(parts.filter(({ kind }) => kind === 'placeholder')).toMatchObject([
      { name: 'slug', start: 22 },
      { name: 'admin_email', start: 32 },
    ]);
    const whole = parts.map((part) => (part.kind === 'sql' ? part.text : `{{${part.name}}}`)).join('');
    expect(whole).toBe(sql.replace('{{ admin_email }}', '{{admin_email}}'));
  });

  it('has as many statements as PostgreSQL sees, each with its line', async () => {
    const { statements } = await scriptOf(`
-- a comment; with a semicolon
INSERT INTO a VALUES ('x;y'), (E'it\\'s; here'), ($$a;b$$), ($q$ $$;$$ $q$);
CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; DELETE FROM c);
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;
/* one /* within */ another; */ SELECT "odd;name" FROM a;;
DO $do$ BEGIN PERFORM 1; END $do$`);
    expect(statements.map(({ line }) => line)).toEqual([3, 4, 5, 6, 7]);
  });

  it.each([
    [
      'an unknown placeholder',
      'SELECT {{tenant}}',
      /line 1: \{\{tenant\}\} is unknown; there are .*\{\{tenant_id\}\}.*\{\{admin_password_hash\}\}/,
    ],
    ['a placeholder in a string', "SELECT\n '{{slug}}'", /line 2: \{\{slug\}\} stands within quotes/],
    ['a placeholder in a body', 'DO $$ BEGIN PERFORM {{slug}}; END $$', /within quotes/],
    ['a placeholder in a name', 'SELECT 1 AS "{{slug}}"', /within quotes/],
    ['BEGIN', 'begin; SELECT 1', /line 1: BEGIN is not allowed/],
    ['COMMIT after a comment', 'SELECT 1; /* x */\n Commit', /line 2: COMMIT is not allowed/],
    ['SAVEPOINT', 'SAVEPOINT a', /SAVEPOINT is not allowed/],
    ['PREPARE TRANSACTION', "PREPARE TRANSACTION 'x'", /PREPARE is not allowed/],
    ['a psql command', 'SELECT 1;\n\\i other.sql', /line 2: commands of psql/],
    ['COPY FROM STDIN', 'COPY a FROM stdin;\n1\n\\.', /COPY from or to the client/],
    ['an open string', "SELECT 1;\nSELECT 'x", /line 2: what begins with ' never ends/],
    ['an open comment', '/* SELECT 1', /\/\* never ends/],
    ['nothing', '-- only words\n', /no statement/],
  ])('with %s is refused, and told where', async (_what, sql, problem) => {
    expect((await problemsOf(sql)).join('\n')).toMatch(problem);
  });

  it.each([
    'PREPARE p AS SELECT 1; EXECUTE p',
    "COPY a TO PROGRAM 'x'",
    'SELECT a.begin FROM a',
    "SELECT 'COMMIT; ROLLBACK'",
    'SELECT $1$2$3',
  ])('may say %s', async (sql) => {
    expect(await problemsOf(sql)).toEqual([]);
  });
});

describe('TENANT_SEED_SQL', () => {
  const base = {
    GLOBAL_DATABASE_URL: 'postgresql://u:p@localhost/r',
    JWT_SECRET: 'x'.repeat(40),
    NODE_ENV: 'test',
  };

  it('that cannot be read stops a worker, and is named', () => {
    const environment = { ...base, TENANT_SEED_SQL: join(folder, 'missing.sql') };
    expect(() => loadConfig(environment, 'worker')).toThrow(
      /TENANT_SEED_SQL names .*missing\.sql.*cannot be read/,
    );
  });

  it('is told with all problems of the file at once', async () => {
    const path = join(folder, 'wrong.sql');
    await writeFile(path, 'COMMIT;\nSELECT {{who}};');
    expect(() => loadConfig({ ...base, TENANT_SEED_SQL: path }, 'worker')).toThrow(
      /line 2: \{\{who\}\} is unknown.*line 1: COMMIT/s,
    );
  });

  it('is not read where no databases are made', () => {
    const environment = { ...base, TENANT_SEED_SQL: join(folder, 'missing.sql') };
    expect(loadConfig(environment, 'api').config.seed).toBeUndefined();
  });
});
