import { afterAll, beforeAll, expect, it } from 'vitest';
import { newNamePart } from '../../src/databases/database-name.ts';
import { inspectSource } from '../../src/databases/source-inspection.ts';
import { createTemplateDatabase } from '../../src/databases/template-database.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

let on: TemplatePlace;

beforeAll(async () => {
  on = await openTemplatePlace();
});
afterAll(() => on.close());

type Locale = { what: string; since: number; options: string; needsIcu?: true };

const LOCALES: Locale[] = [
  { what: 'another encoding', since: 13, options: "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'" },
  { what: 'a character class of its own', since: 13, options: "LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'" },
  {
    what: 'an ICU locale',
    since: 15,
    options: "LOCALE_PROVIDER icu ICU_LOCALE 'de' LC_COLLATE 'C' LC_CTYPE 'C'",
    needsIcu: true,
  },
  {
    what: 'an ICU locale with rules',
    since: 16,
    options: "LOCALE_PROVIDER icu ICU_LOCALE 'und' ICU_RULES '&V << w <<< W' LC_COLLATE 'C' LC_CTYPE 'C'",
    needsIcu: true,
  },
  {
    what: 'a locale of PostgreSQL’s own',
    since: 17,
    options: "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LC_COLLATE 'C' LC_CTYPE 'C'",
  },
  {
    what: 'the newest locale of PostgreSQL’s own',
    since: 18,
    options: "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LC_COLLATE 'C' LC_CTYPE 'C'",
  },
];

const known = LOCALES.filter(({ since }) => since <= sharedPostgres().major);

it.for(known)('a template has what its source has: $what', async ({ options, needsIcu }, { skip }) => {
  if (needsIcu && !(await knowsIcu())) skip('This server was built without ICU.');
  const [source, signal] = [`src_${newNamePart()}`, AbortSignal.timeout(30_000)];
  const names = on.newTemplateNames();
  await on.session.run(`CREATE DATABASE ${source} TEMPLATE template0 ${options}`);
  try {
    await on.query(source, 'CREATE TABLE t (id int)');
    const { locale } = await inspectSource(on.server, source, { dataTables: [], signal });
    await createTemplateDatabase(on.session, { names, neutral: on.neutral, locale, settings: [] });
    expect(await localeOf(names.template)).toEqual(await localeOf(source));
  } finally {
    await on.session.run(`DROP DATABASE ${source} WITH (FORCE)`);
  }
});

async function knowsIcu(): Promise<boolean> {
  const found = await on.session.rows("SELECT FROM pg_collation WHERE collprovider = 'i' LIMIT 1");
  return found.length > 0;
}

/** Every column of this major that has to do with it, whatever it is called there. */
async function localeOf(database: string): Promise<unknown> {
  const [row] = await on.session.rows(
    `SELECT (SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(d))
              WHERE key ~ '^(encoding|datcollate|datctype|datlocprovider|datlocale|daticulocale|daticurules|datcollversion)$') AS locale
       FROM pg_database d WHERE datname = $1`,
    [database],
  );
  return row?.locale;
}
