import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLoginBreakers } from '../../src/routing/login-breakers.ts';
import type { TenantDatabase } from '../../src/routing/resolved-tenant.ts';

const database: TenantDatabase = {
  id: 'd',
  name: 'd',
  role: 'a',
  server: { id: 's', host: 'h', port: 1, tls: { mode: 'disable' } },
  sealedDataKey: 'k',
  sealedPassword: 'p',
};
const noAnswer = new Error('timeout expired');
const refusal = Object.assign(new Error('password authentication failed'), {
  code: '28P01',
  severity: 'FATAL',
});

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => vi.useRealTimers());

describe('logins of a tenant whose server gives no answer', () => {
  test('are tried three times, then by nobody for a second, then by one, and ever more rarely', () => {
    const breakers = createLoginBreakers();
    for (let count = 1; count <= 3; count += 1) {
      expect(breakers.find('t', database)).toBeUndefined();
      breakers.noteFailure('t', database, noAnswer);
    }
    expect(breakers.find('t', database)).toMatchObject({ code: 'tenant_database_unavailable' });
    vi.advanceTimersByTime(1_000);
    expect(breakers.find('t', database)).toBeUndefined();
    expect(breakers.find('t', database)).toMatchObject({ status: 503, cause: noAnswer });
    breakers.noteFailure('t', database, noAnswer);
    vi.advanceTimersByTime(1_500);
    expect(breakers.find('t', database)).toBeDefined();
    vi.advanceTimersByTime(500);
    expect(breakers.find('t', database)).toBeUndefined();
    breakers.noteSuccess('t');
    for (let count = 1; count <= 3; count += 1) expect(breakers.find('t', database)).toBeUndefined();
  });

  test('are tried by another when the one that was to find out never did', () => {
    const breakers = createLoginBreakers();
    for (let count = 1; count <= 3; count += 1) breakers.noteFailure('t', database, noAnswer);
    vi.advanceTimersByTime(1_000);
    expect(breakers.find('t', database)).toBeUndefined();
    vi.advanceTimersByTime(5_000);
    expect(breakers.find('t', database)).toBeDefined();
    vi.advanceTimersByTime(1_000);
    expect(breakers.find('t', database)).toBeUndefined();
  });
});

test('a refusal in the server’s own words is believed at once, but not for another password or tenant', () => {
  const breakers = createLoginBreakers();
  breakers.noteFailure('t', database, refusal);
  expect(breakers.find('t', database)).toBeDefined();
  expect(breakers.find('t', { ...database, sealedPassword: 'another' })).toBeUndefined();
  expect(breakers.find('other', database)).toBeUndefined();
});
