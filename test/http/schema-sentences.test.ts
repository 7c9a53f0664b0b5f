import { expect, test } from 'vitest';
import { z } from 'zod';
import { fieldProblems } from '../../src/http/schema-compilers.ts';
import { humanText, pageQuery } from '../../src/http/schemas.ts';

const given = z.string();

test.each<[string, z.ZodType, unknown, string]>([
  ['an id', z.uuid(), 'x', 'must be an id such as 0199a0aa-0000-7000-8000-000000000001'],
  ['one of several', z.enum(['a', 'b']), 'c', 'must be one of a, b'],
  ['one word', z.literal('a'), 'c', 'must be a'],
  ['a text', given, 7, 'must be a text'],
  ['a whole number', z.number().int(), 1.5, 'must be a whole number'],
  ['a switch', z.boolean(), 'yes', 'must be true or false'],
  ['an instant', z.iso.datetime(), 'today', 'must be an instant such as 2026-01-31T10:00:00Z'],
  ['a limit', pageQuery.limit, '999', 'must be a whole number from 1 to 200'],
  ['a short text', given.min(1), '', 'must have at least 1 character'],
  ['a long text', given.max(2), 'abc', 'must have at most 2 characters'],
  ['a long list', z.array(given).max(1), ['a', 'b'], 'must have at most 1 entry'],
  ['an empty list', z.array(given).min(2), [], 'must have at least 2 entries'],
  ['a large number', z.number().max(5), 6, 'must be at most 5'],
  ['a pattern', given.regex(/^a$/), 'b', 'must match /^a$/'],
  ['a sentence of the schema', humanText(2, 3), 'x', 'must have 2 to 3 characters'],
])('%s says what would be right', (...[, schema, value, message]) => {
  const { error } = z.strictObject({ field: schema }).safeParse({ field: value });
  expect(error && fieldProblems(error)).toEqual([{ path: 'field', message }]);
});

test('what is missing and what is unknown are told apart', () => {
  const { error } = z.strictObject({ field: given }).safeParse({ other: 1 });
  expect(error && fieldProblems(error)).toEqual([
    { path: 'field', message: 'is missing' },
    { path: 'other', message: 'unknown field' },
  ]);
});
