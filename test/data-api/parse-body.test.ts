import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/data-api/data-error.ts';
import { parseBody } from '../../src/data-api/parse-body.ts';
import { parsePreferences } from '../../src/data-api/preferences.ts';

describe('parseBody', () => {
  it.each([
    ['{"a":1,"b":null}', '[{"a":1,"b":null}]', ['a', 'b']],
    ['[{"a":1},{"a":2}]', '[{"a":1},{"a":2}]', ['a']],
    ['[{"a":1,"b":2},{"b":1,"a":2}]', '[{"a":1,"b":2},{"b":1,"a":2}]', ['a', 'b']],
    ['{}', '[{}]', []],
    ['[]', '[]', []],
    ['{"__proto__":1,"constructor":2}', '[{"__proto__":1,"constructor":2}]', ['__proto__', 'constructor']],
  ])('reads %s', (text, rows, columns) => {
    expect(parseBody(text, undefined)).toEqual({ rows, columns });
  });

  it('leaves the numbers as they were written', () => {
    const text = '{"a":9007199254740993,"b":0.10,"c":1e400}';
    expect(parseBody(text, undefined).rows).toBe(`[${text}]`);
  });

  it('sets the columns that the query names, each once', () => {
    const body = parseBody('[{"a":1},{"b":2}]', ['a', 'b', 'a']);
    expect(body.columns).toEqual(['a', 'b']);
  });

  it.each([
    '',
    ' ',
    'null',
    '1',
    '"a"',
    '[1]',
    '[null]',
    '[[]]',
    '{"a":1',
    '{"a":1}{"a":1}',
    '[{"a":1},{"b":1}]',
    '[{"a":1},{"a":1,"b":1}]',
    '[{"a":1,"b":1},{"a":1}]',
    '[{},{"toString":1}]',
    `{${Array.from({ length: 1_601 }, (_, at) => `"c${at}":1`).join(',')}}`,
  ])('refuses %s as PGRST102', (text) => {
    expect(() => parseBody(text, undefined)).toThrow(
      expect.objectContaining({ status: 400, body: expect.objectContaining({ code: 'PGRST102' }) }),
    );
  });

  it('takes deep nesting as it takes any value', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(parseBody(`{"a":${deep}}`, undefined).columns).toEqual(['a']);
  });

  it('finds the columns of any objects, and keeps the text', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.integer({ min: 1, max: 4 }),
        (row, count) => {
          const text = JSON.stringify(Array.from({ length: count }, () => row));
          expect(parseBody(text, undefined)).toEqual({ rows: text, columns: Object.keys(row) });
        },
      ),
    );
  });
});

describe('parsePreferences', () => {
  it.each([
    [undefined, 'minimal', []],
    ['', 'minimal', []],
    ['return=minimal', 'minimal', ['return=minimal']],
    ['return=representation', 'representation', ['return=representation']],
    ['respond-async, return=representation', 'representation', ['return=representation']],
    ['return=minimal, return=representation', 'minimal', undefined],
    ['handling=lenient, nonsense=1', 'minimal', ['handling=lenient']],
    ['return=everything', 'minimal', []],
  ])('reads %s', (header, returns, applied) => {
    const preferences = parsePreferences(header);
    expect(preferences.returns).toBe(returns);
    if (applied !== undefined) expect(preferences.applied).toEqual(applied);
  });

  it.each([
    ['handling=strict, nonsense=1', 'PGRST122'],
    ['resolution=ignore-duplicates', 'PGRST127'],
    ['return=representation, missing=default', 'PGRST127'],
  ])('refuses %s', (header, code) => {
    let thrown: unknown;
    try {
      parsePreferences(header);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(DataError);
    expect(thrown).toMatchObject({ status: 400, body: { code } });
  });
});
