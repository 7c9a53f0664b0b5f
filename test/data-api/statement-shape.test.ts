import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildInsert } from '../../src/data-api/build-insert.ts';
import { buildRead } from '../../src/data-api/build-read.ts';
import { checkRequest } from '../../src/data-api/data-api.ts';
import { DataError } from '../../src/data-api/data-error.ts';
import type { Condition, DataQuery, Relation } from '../../src/data-api/data-query.ts';

const payloads = [
  '"; DROP TABLE canary; --',
  'x"; DELETE FROM canary; --',
  '""',
  '"',
  "'; DROP TABLE canary; --",
  "' OR '1'='1",
  '1) OR (1=1',
  '*/ DROP TABLE canary; /*',
  '--',
  '$1',
  '$$',
  '\\',
  '\\"',
  '%',
  '?',
  'canary\n; DROP TABLE canary',
  'a\0b',
  'x'.repeat(64),
  'ü'.repeat(32),
  '',
  ' ',
  '*',
  'canary.*',
  'pg_catalog.pg_authid',
  'pg_authid',
  '\u202egnp.exe',
  'c\u200banary',
  '＂; DROP TABLE canary',
  '__proto__',
  'constructor',
  '\ud800',
  '::text',
  'pg_sleep(9)',
  'NULL',
];

const hostile = fc.oneof(
  fc.constantFrom(...payloads),
  fc.constantFrom('canary', 'id', 'word', 'public'),
  fc.string({ unit: 'binary', maxLength: 70 }),
  fc.string({ unit: fc.constantFrom(...'"\'\\;-*/$().,: \n\0a1'), maxLength: 20 }),
);

const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record({ kind: fc.constant('equals' as const), column: hostile, value: hostile }),
  fc.record({
    kind: fc.constant('is' as const),
    column: hostile,
    what: fc.constantFrom('null' as const, 'true' as const),
  }),
);

const queries: fc.Arbitrary<DataQuery> = fc.record({
  select: fc.array(
    fc.record({
      kind: fc.constant('column' as const),
      column: hostile,
      alias: fc.option(hostile, { nil: undefined }),
    }),
    { minLength: 1, maxLength: 2 },
  ),
  conditions: fc.array(condition, { maxLength: 2 }),
  order: fc.array(
    fc.record({
      column: hostile,
      direction: fc.constantFrom(undefined, 'desc' as const),
      nulls: fc.constant(undefined),
    }),
    { maxLength: 2 },
  ),
  limit: fc.constantFrom(undefined, 3),
  offset: fc.constantFrom(0, 3),
  columns: fc.constant(undefined),
});

const requests = fc.record({
  relation: fc.record({ schema: hostile, table: hostile }),
  query: queries,
  keys: fc.uniqueArray(hostile, { maxLength: 3 }),
  value: hostile,
});

type HostileRequest = { relation: Relation; query: DataQuery; keys: string[]; value: string };

const bodyOf = ({ keys, value }: HostileRequest) => ({
  rows: JSON.stringify([Object.fromEntries(keys.map((key) => [key, value]))]),
  columns: keys,
});

/** Whether every name is one that an object can have; the rest never becomes a statement. */
function isPossible(request: HostileRequest): boolean {
  try {
    checkRequest({ relation: request.relation, query: request.query, body: bodyOf(request) });
    return true;
  } catch (error) {
    if (error instanceof DataError) return false;
    throw error;
  }
}

/** What is left of a statement without its quoted names. */
const shapeOf = (text: string) => text.replace(/"(?:[^"]|"")*"/g, 'name');

/** The same request of somebody who means no harm. */
function harmless({ relation, query, keys }: HostileRequest): HostileRequest {
  return {
    relation: { ...relation, schema: 'public', table: 'canary' },
    query: {
      ...query,
      select: query.select.map((item) =>
        item.kind === 'all' ? item : { ...item, column: 'id', alias: item.alias && 'alias' },
      ),
      conditions: query.conditions.map((one) =>
        one.kind === 'is' ? { ...one, column: 'id' } : { ...one, column: 'id', value: '1' },
      ),
      order: query.order.map((term) => ({ ...term, column: 'id' })),
    },
    keys: keys.map((_, at) => `key${at}`),
    value: '1',
  };
}

function statementsOf(request: HostileRequest) {
  const { relation, query } = request;
  const body = bodyOf(request);
  return [
    buildRead(relation, query, 10),
    buildInsert({ relation, body, returning: query.select }),
    buildInsert({ relation, body, returning: undefined }),
  ];
}

describe('a statement', () => {
  it('has the same shape whatever names and values it is made of', () => {
    const possible = requests.filter(isPossible);
    fc.assert(
      fc.property(possible, (request) => {
        const shapes = (of: HostileRequest) => statementsOf(of).map(({ text }) => shapeOf(text));
        expect(shapes(request)).toEqual(shapes(harmless(request)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('carries no value in its text', () => {
    const possible = requests.filter(isPossible);
    fc.assert(
      fc.property(possible, fc.uuid(), (request, mark) => {
        const conditions = [{ kind: 'equals' as const, column: 'id', value: mark }];
        const marked = { ...request, value: mark, query: { ...request.query, conditions } };
        for (const { text } of statementsOf(marked)) expect(text).not.toContain(mark);
      }),
    );
  });
});
