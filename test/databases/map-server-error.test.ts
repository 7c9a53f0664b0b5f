import { describe, expect, it } from 'vitest';
import { mapServerError } from '../../src/databases/map-server-error.ts';
import { retryConcurrentUpdate } from '../../src/databases/retry-concurrent-update.ts';
import { isAlreadyDone, sqlState } from '../../src/databases/sql-state.ts';
import { AppError } from '../../src/errors/app-error.ts';

const server = { id: 'main', admin: { user: 'Platform' } };

function refusal(code: string, message = 'as the server says', more: object = {}): Error {
  return Object.assign(new Error(message), { code, severity: 'ERROR', ...more });
}

function map(error: unknown): AppError {
  const mapped = mapServerError(error, server, { what: 'CREATE DATABASE', limitMs: 100 });
  if (!(mapped instanceof AppError)) throw new Error(`not mapped: ${String(mapped)}`);
  return mapped;
}

describe('mapServerError', () => {
  it.each([
    ['28P01', 'admin_login_refused'],
    ['28000', 'admin_login_refused'],
    ['08006', 'database_server_unreachable'],
    ['57P01', 'database_server_unreachable'],
    ['57P03', 'database_server_unreachable'],
    ['53300', 'database_server_full'],
    ['53100', 'database_server_full'],
    ['53200', 'database_server_full'],
    ['54000', 'database_server_full'],
    ['55006', 'database_server_busy'],
    ['40001', 'database_server_busy'],
    ['40P01', 'database_server_busy'],
    ['55P03', 'database_server_busy'],
    ['57014', 'deadline_exceeded'],
    ['42501', 'admin_lacks_rights'],
  ])('reads %s as %s, and keeps the cause', (state, code) => {
    const error = refusal(state);
    expect(map(error)).toMatchObject({ code, cause: error });
    expect(sqlState(map(error))).toBe(state);
  });

  it.each(['42P04', '42710', '3D000', '42601', '55000'])('leaves %s to the caller', (state) => {
    const error = refusal(state);
    expect(mapServerError(error, server)).toBe(error);
  });

  it.each([
    ['permission denied to create database', 'ALTER ROLE "Platform" CREATEDB;'],
    ['permission denied to create role', 'ALTER ROLE "Platform" CREATEROLE;'],
    ['must be owner of database t_1', 'ALTER DATABASE "t_1" OWNER TO "Platform";'],
    ['permission denied to copy database "tmpl"', 'ALTER DATABASE "tmpl" OWNER TO "Platform";'],
    ['must have admin option on role "tm_owner"', 'GRANT "tm_owner" TO "Platform" WITH ADMIN OPTION;'],
    ['must be member of role "tm_owner"', 'GRANT "tm_owner" TO "Platform";'],
    [
      'must be a member of the role whose process is being terminated or member of pg_signal_backend',
      'GRANT pg_signal_backend TO "Platform";',
    ],
  ])('names the SQL that mends: %s', (message, mend) => {
    expect(map(refusal('42501', message)).message).toContain(mend);
  });

  it('names the statement for a changed collation', () => {
    const error = refusal('XX000', 'template database "tmpl" has a collation version mismatch');
    expect(map(error).message).toContain('ALTER DATABASE "tmpl" REFRESH COLLATION VERSION');
    expect(map(error).retry).toBe('later');
  });

  it('says so when a pooler answers', () => {
    const error = refusal('08P01', 'unsupported startup parameter: options');
    expect(map(error)).toMatchObject({ code: 'database_server_unreachable' });
    expect(map(error).message).toContain('pooler');
  });

  it.each([
    Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('getaddrinfo ENOTFOUND nowhere'), { code: 'ENOTFOUND' }),
    Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
    Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    new Error('timeout expired'),
    new Error('Connection terminated unexpectedly'),
    new Error('Client has encountered a connection error and is not queryable'),
    new Error('The server does not support SSL connections'),
  ])('reads a broken connection as unreachable: %s', (error) => {
    expect(map(error)).toMatchObject({ code: 'database_server_unreachable', retry: 'soon' });
    expect(map(error).message).not.toMatch(/: $/);
  });

  it('leaves what is no error of a server alone', () => {
    const bug = new TypeError('x is not a function');
    expect(mapServerError(bug, server)).toBe(bug);
    const app = map(refusal('55006'));
    expect(mapServerError(app, server)).toBe(app);
  });
});

describe('isAlreadyDone', () => {
  it('knows both ways in which a name is taken, and no other duplicate', () => {
    expect(isAlreadyDone(refusal('42P04'))).toBe(true);
    expect(isAlreadyDone(refusal('42710'))).toBe(true);
    expect(isAlreadyDone(refusal('23505', 'dup', { constraint: 'pg_database_datname_index' }))).toBe(true);
    expect(isAlreadyDone(refusal('23505', 'dup', { constraint: 'pg_authid_rolname_index' }))).toBe(true);
    expect(isAlreadyDone(refusal('23505', 'dup', { constraint: 'contact_pkey' }))).toBe(false);
    expect(isAlreadyDone(new Error('42P04'))).toBe(false);
  });
});

describe('retryConcurrentUpdate', () => {
  it('tries again only what lost against another session', async () => {
    let calls = 0;
    const lost = refusal('XX000', 'tuple concurrently updated');
    const won = retryConcurrentUpdate(async () => {
      calls += 1;
      if (calls < 3) throw mapServerError(lost, server);
      return 'won';
    });
    expect(await won).toBe('won');
    expect(calls).toBe(3);
  });

  it.each([
    ['XX000', 'buffer is pinned'],
    ['42501', 'no'],
  ] as const)('gives %s (%s) up at once', async (code, text) => {
    let calls = 0;
    const failing = retryConcurrentUpdate(async () => {
      calls += 1;
      throw refusal(code, text);
    });
    await expect(failing).rejects.toThrow(text);
    expect(calls).toBe(1);
  });
});
