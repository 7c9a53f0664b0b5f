import fc from 'fast-check';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkRequest, createDataApi, type DataRequest } from '../../src/data-api/data-api.ts';
import { DataError } from '../../src/data-api/data-error.ts';
import type { DataQuery } from '../../src/data-api/data-query.ts';
import { parseBody } from '../../src/data-api/parse-body.ts';
import { openTenantConnection } from '../../src/databases/tenant-connection.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';

failOnLeaks();

const schema = `
  CREATE TABLE note (id int GENERATED ALWAYS AS IDENTITY, text text, num numeric, doc jsonb, "a ""b" text);
  CREATE TABLE victim (id int);
  INSERT INTO victim VALUES (1);
  GRANT CREATE ON SCHEMA public TO {{role}};`;

let place: TenantPlace;
let tenant: TestTenant;
let client: pg.Client;

beforeAll(async () => {
  place = await createTenantPlace();
  tenant = await place.makeTenant(schema);
  const { database, role: user, password } = tenant;
  client = await openTenantConnection({
    address: place.server,
    database,
    user,
    password,
    applicationName: 'test',
  });
});
afterAll(async () => {
  await client.end();
  await place.drop();
});

const dataApi = createDataApi({ maxRows: 10, statementTimeoutMs: 5_000, hiddenSchemas: [] });
const caller = { claims: { role: 'ADMIN' }, method: 'GET', path: '/' };
const noQuery: DataQuery = {
  select: [{ kind: 'all' }],
  conditions: [],
  order: [],
  limit: undefined,
  offset: 0,
  columns: undefined,
};

const payloads = [
  `"; DROP TABLE victim; --`,
  `'; DROP TABLE victim; --`,
  `" OR 1=1 --`,
  `1); DELETE FROM victim; --`,
  `$1`,
  `$$`,
  `$tag$`,
  `\\`,
  `\\'; DROP TABLE victim; --`,
  `a"b`,
  `""`,
  `"`,
  `'`,
  `%`,
  `_`,
  `/*`,
  `*/`,
  `--`,
  `;`,
  `\n`,
  `\r\n`,
  `\u0000`,
  `\u202e`,
  `\u200b`,
  `ａ＂`,
  `ʼ`,
  `pg_class`,
  `pg_catalog.pg_class`,
  `public"."victim`,
  `victim`,
  `ctid`,
  `tableoid`,
  `note`,
  `x'; SET ROLE postgres; --`,
  `COPY victim TO PROGRAM 'id'`,
  'x'.repeat(64),
  '字'.repeat(22),
  `\ud800`,
  `a,b`,
  `a.b`,
  `(select 1)`,
];
const hostile = fc.oneof(
  fc.constantFrom(...payloads),
  fc.string({ unit: 'binary', maxLength: 70 }),
  fc.tuple(fc.constantFrom(...payloads), fc.string({ maxLength: 5 })).map((parts) => parts.join('')),
);
const columnName = fc.oneof(fc.constantFrom('id', 'text', 'num', 'doc', 'a "b'), hostile);

/** What must not change: structure, rights and the rows of another table. */
async function picture(): Promise<unknown> {
  const result = await place.inDatabase(
    tenant.database,
    `SELECT
    (SELECT json_agg(c ORDER BY oid) FROM (SELECT oid, relname, relkind, relacl::text, relowner FROM pg_class WHERE relnamespace = 'public'::regnamespace) c) AS relations,
    (SELECT count(*) FROM pg_proc) AS functions, (SELECT rolsuper FROM pg_roles WHERE rolname = '${tenant.role}') AS super,
    (SELECT count(*) FROM pg_namespace) AS schemas, (SELECT json_agg(id) FROM victim) AS victim`,
  );
  return result.rows[0];
}

/** A refusal in PostgREST's shape below 500, or an answer. Syntax errors would mean that a name broke out. */
async function survives(work: () => Promise<{ body: string } | undefined>): Promise<void> {
  try {
    const rows = await work();
    if (rows !== undefined) expect(Array.isArray(JSON.parse(rows.body))).toBe(true);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    expect(error.status, error.message).toBeLessThan(500);
    expect(error.body.code, error.message).not.toBe('42601');
  }
}

it('no name and no value of a reading changes what is asked', async () => {
  const before = await picture();
  const query = fc.record({
    select: fc.array(
      fc.record({
        kind: fc.constant('column' as const),
        column: columnName,
        alias: fc.option(hostile, { nil: undefined }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    conditions: fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('equals' as const), column: columnName, value: hostile }),
        fc.record({
          kind: fc.constant('is' as const),
          column: columnName,
          what: fc.constantFrom('null' as const, 'true' as const),
        }),
      ),
      { maxLength: 2 },
    ),
    order: fc.array(
      fc.record({
        column: columnName,
        direction: fc.constantFrom('asc' as const, 'desc' as const, undefined),
        nulls: fc.constantFrom('first' as const, 'last' as const, undefined),
      }),
      { maxLength: 2 },
    ),
  });
  const relation = fc.record({
    schema: fc.oneof(fc.constant('public'), hostile),
    table: fc.oneof(fc.constant('note'), hostile),
  });
  await fc.assert(
    fc.asyncProperty(relation, query, (where, what) =>
      survives(async () => {
        const request: DataRequest = { relation: where, query: { ...noQuery, ...what }, caller };
        checkRequest(request);
        return dataApi.read(client, request);
      }),
    ),
    { numRuns: 600 },
  );
  expect(await picture()).toEqual(before);
}, 120_000);

it('no body changes what is written', async () => {
  const before = await picture();
  const object = fc.dictionary(
    columnName,
    fc.oneof(hostile, fc.integer(), fc.double(), fc.constant(null), fc.object()),
    { maxKeys: 3, noNullPrototype: true },
  );
  await fc.assert(
    fc.asyncProperty(object, hostile, (row, claim) =>
      survives(async () => {
        const body = parseBody(JSON.stringify(row), undefined);
        const relation = { schema: 'public', table: 'note' };
        checkRequest({ relation, query: noQuery, body });
        return dataApi.insert(client, {
          relation,
          query: noQuery,
          body,
          returnsRows: true,
          caller: { ...caller, claims: { claim } },
        });
      }),
    ),
    { numRuns: 600 },
  );
  expect(await picture()).toEqual(before);
}, 120_000);

it('a value comes back as it went in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\u0000')),
      async (text) => {
        const relation = { schema: 'public', table: 'note' };
        const body = parseBody(JSON.stringify({ text, 'a "b': text }), undefined);
        await dataApi.insert(client, { relation, query: noQuery, body, returnsRows: false, caller });
        const conditions = ['text', 'a "b'].map((column) => ({
          kind: 'equals' as const,
          column,
          value: text,
        }));
        const rows = await dataApi.read(client, {
          relation,
          query: { ...noQuery, conditions, limit: 1 },
          caller,
        });
        expect(JSON.parse(rows.body)).toMatchObject([{ text, 'a "b': text }]);
      },
    ),
    { numRuns: 200 },
  );
}, 120_000);
