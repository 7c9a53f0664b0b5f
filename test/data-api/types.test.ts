import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDataApi } from '../../src/data-api/data-api.ts';
import { parseBody } from '../../src/data-api/parse-body.ts';
import { parseQuery } from '../../src/data-api/parse-query.ts';
import { openTenantConnection } from '../../src/databases/tenant-connection.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTenantPlace, type TenantPlace, type TestTenant } from '../support/tenant-database.ts';

failOnLeaks();

/** Type, a value as SQL writes it, and the JSON that PostgREST answers for it. */
const types: readonly (readonly [type: string, literal: string, json: string])[] = [
  ['smallint', '-32768', '-32768'],
  ['integer', '2147483647', '2147483647'],
  ['bigint', '9223372036854775807', '9223372036854775807'],
  ['numeric', '123456789012345678901234567890.10', '123456789012345678901234567890.10'],
  ['numeric', 'NaN', '"NaN"'],
  ['numeric(9,3)', '1', '1.000'],
  ['real', '1.1', '1.1'],
  ['double precision', '0.1', '0.1'],
  ['double precision', '-Infinity', '"-Infinity"'],
  ['boolean', 't', 'true'],
  ['text', 'ü"\\\n\t😀', '"ü\\"\\\\\\n\\t😀"'],
  ['varchar(9)', '', '""'],
  ['char(4)', 'ab', '"ab  "'],
  ['bytea', '\\xdeadbeef', '"\\\\xdeadbeef"'],
  ['date', '0044-03-15 BC', '"0044-03-15 BC"'],
  ['time', '24:00:00', '"24:00:00"'],
  ['timetz', '01:02:03+02', '"01:02:03+02"'],
  ['timestamp', '2026-01-02 03:04:05.000006', '"2026-01-02T03:04:05.000006"'],
  ['timestamp', 'infinity', '"infinity"'],
  ['timestamptz', '2026-01-02 03:04:05.5+02', '"2026-01-02T01:04:05.5+00:00"'],
  ['interval', '1 year 2 days 03:04:05.6', '"1 year 2 days 03:04:05.6"'],
  ['uuid', '0199a0aa-0000-7000-8000-000000000001', '"0199a0aa-0000-7000-8000-000000000001"'],
  ['json', '{"a" : 1.10, "a":2}', '{"a" : 1.10, "a":2}'],
  ['jsonb', '{"b":[1,null]}', '{"b": [1, null]}'],
  ['jsonb', 'null', 'null'],
  ['inet', '::1/64', '"::1/64"'],
  ['cidr', '10.0.0.0/8', '"10.0.0.0/8"'],
  ['macaddr', '08:00:2b:01:02:03', '"08:00:2b:01:02:03"'],
  ['point', '(1,2)', '"(1,2)"'],
  ['integer[]', '{1,NULL,3}', '[1,null,3]'],
  ['integer[]', '{{1,2},{3,4}}', '[[1,2],[3,4]]'],
  ['integer[]', '{}', '[]'],
  ['text[]', '{"a,b",NULL,"NULL"}', '["a,b",null,"NULL"]'],
  ['int4range', '[1,5]', '"[1,6)"'],
  ['tsvector', 'b a', `"'a' 'b'"`],
  ['bit(3)', '101', '"101"'],
  ['xml', '<a>&lt;</a>', '"<a>&lt;</a>"'],
  ['oid', '42', '"42"'],
  ['mood', 'so-so', '"so-so"'],
  ['pair', '(1,"x y")', '{"number":1,"word":"x y"}'],
  ['pair[]', '{"(1,x)",NULL}', '[{"number":1,"word":"x"},null]'],
  ['positive', '5', '5'],
];

const columns = types.map(([type], at) => `c${at} ${type}`).join(', ');
const literals = types.map(([, literal]) => `'${literal.replaceAll("'", "''")}'`).join(', ');
const expected = `[{${types.map(([, , json], at) => `"c${at}":${json}`).join(',')}}]`;
const nulls = `[{${types.map((_, at) => `"c${at}":null`).join(',')}}]`;

const schema = `CREATE TYPE mood AS ENUM ('sad', 'so-so');
  CREATE TYPE pair AS (number int, word text);
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE TABLE typed (${columns});
  CREATE TABLE copied (LIKE typed);
  INSERT INTO typed VALUES (${literals});`;

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

const dataApi = createDataApi({ maxRows: 10, statementTimeoutMs: 5_000 });
const caller = { claims: {}, method: 'GET', path: '/' };
const query = parseQuery('');
const typed = { schema: 'public', table: 'typed' };
const copied = { schema: 'public', table: 'copied' };

const insert = (text: string) =>
  dataApi.insert(client, {
    relation: copied,
    query,
    caller,
    body: parseBody(text, undefined),
    returnsRows: true,
  });

it('every type looks as PostgREST shows it', async () => {
  const { body } = await dataApi.read(client, { relation: typed, query, caller });
  expect(body).toBe(expected);
});

it('what was read of any type can be written, and is the same then', async () => {
  expect(await insert(expected)).toEqual({ body: expected, count: 1 });
});

it('null is null in every type', async () => {
  expect(await insert(nulls)).toEqual({ body: nulls, count: 1 });
});

/** PostgreSQL compares no json, xml or point with `=`, and reads no untyped text as a row. */
const withoutEquality = ['json', 'xml', 'point', 'pair'];

it.each(types.filter(([type]) => !withoutEquality.includes(type)))(
  'a column of %s is found by its value %s',
  async (...[type, literal]) => {
    const at = types.findIndex(([one, value]) => one === type && value === literal);
    const conditions = parseQuery(String(new URLSearchParams({ [`c${at}`]: `eq.${literal}` }))).conditions;
    const { count } = await dataApi.read(client, {
      relation: typed,
      query: { ...query, conditions },
      caller,
    });
    expect(count).toBe(1);
  },
);
