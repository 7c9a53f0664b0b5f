import { describe, expect, it } from 'vitest';
import { DataError } from '../../src/data-api/data-error.ts';
import { mapDatabaseError } from '../../src/data-api/map-database-error.ts';
import { AppError } from '../../src/errors/app-error.ts';

const attempted = {
  relation: { schema: 'public', table: 'deal' },
  statement: { text: 'INSERT INTO "public"."deal" ("größe", "no""pe") SELECT 1, 2' },
};

const failure = (code: string, more: object = {}) =>
  Object.assign(new Error(`text of ${code}`), { code, severity: 'ERROR', detail: 'its detail', ...more });

const bodyOf = (error: unknown) => {
  const mapped = mapDatabaseError(error, attempted);
  if (!(mapped instanceof DataError)) throw new Error('No DataError.');
  return { status: mapped.status, ...mapped.body };
};

describe('an error of the database', () => {
  it.each([
    ['23505', 409],
    ['23503', 409],
    ['23502', 400],
    ['23514', 400],
    ['22P02', 400],
    ['42501', 403],
    ['42703', 400],
    ['42P01', 404],
    ['42883', 404],
    ['25006', 405],
    ['57014', 500],
    ['40001', 500],
    ['53200', 503],
    ['53400', 500],
    ['P0001', 400],
    ['P0002', 500],
    ['XX000', 500],
    ['28000', 403],
    ['0P000', 403],
    ['54001', 500],
  ])('%s is answered with %i', (code, status) => {
    expect(bodyOf(failure(code))).toMatchObject({ code, status });
  });

  it('is told as it is, with detail and hint', () => {
    expect(bodyOf(failure('23505', { hint: 'its hint' }))).toEqual({
      status: 409,
      code: '23505',
      message: 'text of 23505',
      details: 'its detail',
      hint: 'its hint',
    });
  });

  it.each(['XX000', '58030', '53100', '40001'])(
    '%s keeps to itself what the server says of its insides',
    (code) => {
      expect(bodyOf(failure(code, { hint: 'h' }))).toEqual({
        status: expect.any(Number),
        code,
        message: 'The database could not carry this out',
        details: null,
        hint: null,
      });
    },
  );

  it('names the column of an insertion that is not there, in any language of the server', () => {
    // Counted in characters, not in the bytes of UTF-8.
    const position = String(attempted.statement.text.indexOf('"no""pe"') + 1);
    const error = failure('42703', { position, message: 'Spalte gibt es nicht' });
    expect(bodyOf(error).message).toBe(`Could not find the 'no"pe' column of 'deal' in the schema cache`);
  });

  it('of a trigger that misses a table is not taken for an unknown table', () => {
    const error = failure('42P01', { position: '1', where: 'PL/pgSQL function f() line 1' });
    expect(bodyOf(error)).toMatchObject({ status: 404, code: '42P01' });
  });
});

describe('a lost connection', () => {
  it.each([
    failure('57P01'),
    failure('08006'),
    new Error('Connection terminated unexpectedly'),
    Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }),
  ])('is the tenant’s database being away: %s', (error) => {
    const mapped = mapDatabaseError(error, attempted);
    expect(mapped).toBeInstanceOf(AppError);
    expect(mapped).toMatchObject({ code: 'tenant_database_unavailable', status: 503 });
  });

  it('is not what any other error is', () => {
    const bug = new TypeError('a bug');
    expect(mapDatabaseError(bug, attempted)).toBe(bug);
  });
});
