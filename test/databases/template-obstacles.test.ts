import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const tools = await findTestTools();
let on: TemplatePlace;

beforeAll(async () => {
  on = await openTemplatePlace();
});
afterAll(() => on.close());

async function build(sql: string) {
  if (tools === null) throw new Error('There are no tools.');
  const source = await on.makeSource(`CREATE TABLE public.t (id int); ${sql}`);
  return on.build({ kind: 'database', name: source, tools });
}

const refused = [
  {
    what: 'a function in C',
    sql: `CREATE FUNCTION public.c() RETURNS trigger AS '$libdir/moddatetime', 'moddatetime' LANGUAGE c`,
    names: 'CREATE FUNCTION public.c()',
  },
  {
    what: 'a function with a setting that is a superuser’s',
    sql: `CREATE FUNCTION public.g() RETURNS int LANGUAGE sql SET log_statement = 'none' AS 'SELECT 1'`,
    names: 'CREATE FUNCTION public.g()',
  },
  {
    what: 'a table over a file of the server',
    sql: `CREATE EXTENSION file_fdw; CREATE SERVER f FOREIGN DATA WRAPPER file_fdw;
          CREATE FOREIGN TABLE public.lines (l text) SERVER f OPTIONS (filename '/etc/hostname')`,
    names: 'CREATE FOREIGN TABLE public.lines',
  },
];

describe.skipIf(tools === null)('what only a superuser may make', () => {
  it.each(refused)('$what is named in the error', async ({ sql, names }) => {
    await expect(build(sql)).rejects.toMatchObject({
      code: 'template_restore_failed',
      message: expect.stringContaining(`(in: ${names}`),
    });
  });

  it('a template of text search is made by the platform', async () => {
    const { names, notCarried } = await build(
      `CREATE TEXT SEARCH TEMPLATE public.tt (INIT = dsimple_init, LEXIZE = dsimple_lexize);
       CREATE TEXT SEARCH DICTIONARY public.d (TEMPLATE = public.tt); COMMENT ON TEXT SEARCH TEMPLATE public.tt IS 'x'`,
    );
    expect(notCarried).toEqual([]);
    const migrator = await on.asMigrator(await on.makeTenant(names.template));
    const { rows } = await migrator
      .query("SELECT ts_lexize('public.d', 'Word') AS lexemes")
      .finally(() => migrator.end());
    expect(rows).toEqual([{ lexemes: ['word'] }]);
  });
});

describe.skipIf(tools === null)('a materialized view', () => {
  it('that cannot be filled without rows stays empty and is reported, and so does one that reads it', async () => {
    const { names, notCarried } = await build(
      `INSERT INTO public.t VALUES (1);
       CREATE MATERIALIZED VIEW public.good AS SELECT count(*) AS n FROM public.t;
       CREATE MATERIALIZED VIEW public.bad AS SELECT 1 / count(*) AS x FROM public.t;
       CREATE MATERIALIZED VIEW public.after AS SELECT x FROM public.bad`,
    );
    expect(notCarried).toEqual([
      { kind: 'materialized view', name: 'public.bad', why: expect.stringContaining('division by zero') },
      { kind: 'materialized view', name: 'public.after', why: expect.stringContaining('not been populated') },
    ]);
    const migrator = await on.asMigrator(await on.makeTenant(names.template));
    try {
      expect((await migrator.query('SELECT n::int FROM public.good')).rows).toEqual([{ n: 0 }]);
      await migrator.query(
        'INSERT INTO public.t VALUES (1); REFRESH MATERIALIZED VIEW public.bad; REFRESH MATERIALIZED VIEW public.after',
      );
      expect((await migrator.query('SELECT x::int FROM public.after')).rows).toEqual([{ x: 1 }]);
    } finally {
      await migrator.end();
    }
  });
});
