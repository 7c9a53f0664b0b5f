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

async function build(sql: string, dataTables: string[] = []) {
  if (tools === null) throw new Error('There are no tools.');
  const source = await on.makeSource(`CREATE TABLE public.t (id int); ${sql}`);
  return on.build({ kind: 'database', name: source, tools }, { dataTables });
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

describe.skipIf(tools === null)('what needs a server that is not carried', () => {
  it('is left out with everything that needs it, and each is reported', async () => {
    const { names, notCarried } = await build(
      `CREATE FUNCTION public.validate(text[], oid) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
       CREATE FOREIGN DATA WRAPPER w VALIDATOR public.validate; CREATE SERVER s FOREIGN DATA WRAPPER w;
       CREATE FOREIGN TABLE public.away (id int DEFAULT 7) SERVER s; COMMENT ON COLUMN public.away.id IS 'x';
       COMMENT ON FOREIGN TABLE public.away IS 'x'; GRANT SELECT ON public.away TO PUBLIC;
       CREATE VIEW public.both_kinds AS SELECT id FROM public.t UNION ALL SELECT id FROM public.away;
       CREATE VIEW public.over AS SELECT id FROM public.both_kinds; COMMENT ON VIEW public.over IS 'x';
       CREATE TABLE public.holds (a public.away);
       CREATE VIEW public.stays AS SELECT id FROM public.t`,
    );
    expect(notCarried.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
      'foreign data wrapper w',
      'object FOREIGN TABLE public away postgres',
      'object TABLE public holds postgres',
      'object VIEW public both_kinds postgres',
      'object VIEW public over postgres',
      'server s',
    ]);
    const migrator = await on.asMigrator(await on.makeTenant(names.template));
    const { rows } = await migrator
      .query(
        "SELECT relname::text AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
      )
      .finally(() => migrator.end());
    expect(rows).toEqual([{ name: 'stays' }, { name: 't' }]);
  });
});

describe.skipIf(tools === null)('what is left out of the schema', () => {
  it('keeps no rows of other tables out, whatever their numbers in the archive of rows', async () => {
    const tables = Array.from({ length: 30 }, (_, at) => `rows_${at}`);
    const { names } = await build(
      `CREATE FUNCTION public.validate(text[], oid) RETURNS void LANGUAGE plpgsql AS 'BEGIN END';
       CREATE FOREIGN DATA WRAPPER w VALIDATOR public.validate; CREATE SERVER s FOREIGN DATA WRAPPER w;
       ${tables.map((name) => `CREATE TABLE public.${name} (id int); INSERT INTO public.${name} VALUES (1); CREATE FOREIGN TABLE public.far_${name} (id int) SERVER s;`).join('\n')}`,
      tables,
    );
    const migrator = await on.asMigrator(await on.makeTenant(names.template));
    const counts = tables.map((name) => `SELECT count(*)::int AS n FROM public.${name}`).join(' UNION ALL ');
    const { rows } = await migrator
      .query(`SELECT sum(n)::int AS rows FROM (${counts}) c`)
      .finally(() => migrator.end());
    expect(rows).toEqual([{ rows: 30 }]);
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
