import pg from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import { probeDirectness } from '../../src/databases/pooler.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type PgBouncerOptions, startPgBouncer } from '../support/pgbouncer.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';

failOnLeaks();

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function bouncer(options: Omit<PgBouncerOptions, 'server'>) {
  const started = await startPgBouncer({ server: sharedPostgres(), ...options });
  stops.push(started.stop);
  return { host: '127.0.0.1', port: started.port, user: 'anybody', password: '', database: 'postgres' };
}

test('PostgreSQL itself is direct', async () => {
  const { host, port, admin } = sharedPostgres();
  expect(await probeDirectness({ host, port, ...admin, database: 'postgres' })).toBe('direct');
});

describe('a real PgBouncer', () => {
  test.each([
    ['transaction', 'transaction-pooler'],
    ['statement', 'transaction-pooler'],
    ['session', 'session-pooler'],
  ] as const)('in %s mode is a %s', async (mode, directness) => {
    expect(await probeDirectness(await bouncer({ mode }))).toBe(directness);
  });

  test('is known by its mode with a single backend too', async () => {
    expect(await probeDirectness(await bouncer({ mode: 'transaction', poolSize: 1 }))).toBe(
      'transaction-pooler',
    );
    expect(await probeDirectness(await bouncer({ mode: 'session', poolSize: 1 }))).toBe('session-pooler');
  });

  test('is known by its mode while others use it, and has several backends at hand', async () => {
    const login = await bouncer({ mode: 'transaction' });
    const others = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const client = new pg.Client(login);
        await client.connect();
        stops.push(() => client.end());
        return client;
      }),
    );
    await Promise.all(others.map((client) => client.query('SELECT pg_sleep(0.2)')));
    expect(await probeDirectness(login)).toBe('transaction-pooler');
  });
});
