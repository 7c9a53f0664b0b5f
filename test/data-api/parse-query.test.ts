import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/data-api/data-error.ts';
import { parseQuery } from '../../src/data-api/parse-query.ts';

const all = { kind: 'all' };
const column = (name: string, alias?: string) => ({ kind: 'column', column: name, alias });
const term = (name: string, direction?: string, nulls?: string) => ({ column: name, direction, nulls });

describe('select', () => {
  it.each([
    ['', [all]],
    ['*', [all]],
    ['a,b', [column('a'), column('b')]],
    [' a , b ', [column('a'), column('b')]],
    ['x:a,*', [column('a', 'x'), all]],
    ['"a,b","c\\"d":e', [column('a,b'), column('e', 'c"d')]],
    ['first name,größe,it-is,$1', [column('first name'), column('größe'), column('it-is'), column('$1')]],
  ])('%s', (text, expected) => {
    expect(parseQuery(new URLSearchParams({ select: text }).toString()).select).toEqual(expected);
  });
});

describe('order', () => {
  it.each([
    ['a', [term('a')]],
    ['a.desc,b.asc', [term('a', 'desc'), term('b', 'asc')]],
    ['a.nullslast,b.desc.nullsfirst', [term('a', undefined, 'last'), term('b', 'desc', 'first')]],
    ['"a.desc".asc', [term('a.desc', 'asc')]],
  ])('%s', (text, expected) => {
    expect(parseQuery(`order=${encodeURIComponent(text)}`).order).toEqual(expected);
  });
});

describe('filters', () => {
  it.each([
    ['a=eq.1', [{ kind: 'equals', column: 'a', value: '1' }]],
    ['a=eq.', [{ kind: 'equals', column: 'a', value: '' }]],
    ['a=eq.eq.x', [{ kind: 'equals', column: 'a', value: 'eq.x' }]],
    ['a=eq.a+b%2Bc', [{ kind: 'equals', column: 'a', value: 'a b+c' }]],
    [
      'a=is.null&b=is.NOT_NULL',
      [
        { kind: 'is', column: 'a', what: 'null' },
        { kind: 'is', column: 'b', what: 'not_null' },
      ],
    ],
    [
      'a=eq.1&a=eq.2',
      [
        { kind: 'equals', column: 'a', value: '1' },
        { kind: 'equals', column: 'a', value: '2' },
      ],
    ],
    ['"select"=eq.1', [{ kind: 'equals', column: 'select', value: '1' }]],
  ])('%s', (text, expected) => {
    expect(parseQuery(text).conditions).toEqual(expected);
  });
});

describe('limits', () => {
  it('are whole numbers', () => {
    expect(parseQuery('limit=5&offset=10')).toMatchObject({ limit: 5, offset: 10 });
    expect(parseQuery('')).toMatchObject({ limit: undefined, offset: 0 });
  });
});

describe('what cannot be read', () => {
  it.each([
    [
      'a=1',
      '"failed to parse filter (1)" (line 1, column 1)',
      'unexpected "1" expecting "not" or operator (eq, gt, ...)',
    ],
    ['a=is.maybe', '"failed to parse filter (is.maybe)" (line 1, column 4)', undefined],
    [
      'a=in.(1,2)',
      '"failed to parse filter (in.(1,2))" (line 1, column 1)',
      'the operator "in" is not supported in this version',
    ],
    [
      'a->b=eq.1',
      '"failed to parse tree path (a->b)" (line 1, column 2)',
      'a JSON path is not supported in this version',
    ],
    [
      'select=a:',
      '"failed to parse select parameter (a:)" (line 1, column 3)',
      'unexpected end of input expecting field name (* or [a..z0..9_$])',
    ],
    ['select=a)', '"failed to parse select parameter (a))" (line 1, column 2)', undefined],
    ['order=a.descending', '"failed to parse order (a.descending)" (line 1, column 2)', undefined],
    ['limit=1.5', '"failed to parse limit (1.5)" (line 1, column 1)', undefined],
    ['limit=9007199254740993', undefined, undefined],
    ['order=a&order=b', undefined, 'it is given twice'],
    ['on_conflict=a', undefined, undefined],
  ])('%s', (...[text, message, details]) => {
    const error = failureOf(text);
    expect(error?.body.code).toBe('PGRST100');
    if (message !== undefined) expect(error?.body.message).toBe(message);
    if (details !== undefined) expect(error?.body.details).toBe(details);
  });
});

it('reads anything, or refuses it in PostgREST’s shape', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...'select=order&.,:()"*->a1 %\\') }),
  );
  fc.assert(
    fc.property(text, (query) => {
      const error = failureOf(query);
      return error === undefined || error.status === 400 || error.status === 416;
    }),
    { numRuns: 2_000 },
  );
});

function failureOf(text: string): DataError | undefined {
  try {
    parseQuery(text);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
  return undefined;
}
