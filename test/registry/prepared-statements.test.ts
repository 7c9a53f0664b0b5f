import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runPrepared } from '../../src/registry/prepared-statements.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

failOnLeaks();

let registry: TestRegistry;
beforeAll(async () => {
  registry = await createTestRegistry();
});
afterAll(() => registry.drop());

const planOf = (key: string) =>
  sql<{ planName: string }>`SELECT name AS plan_name FROM plans WHERE key = ${key}`;

/** On one connection, as within a transaction. */
const onOneConnection = <Result>(work: (trx: TestRegistry['database']) => Promise<Result>) =>
  registry.database.transaction().execute(work);

test('a connection keeps the statement, whatever its values', async () => {
  const kept = await onOneConnection(async (trx) => {
    expect(await runPrepared(trx, planOf('free'))).toEqual([{ planName: 'Free' }]);
    expect(await runPrepared(trx, planOf('pro'))).toEqual([{ planName: 'Pro' }]);
    const { rows } = await sql<{ uses: number }>`
      SELECT (generic_plans + custom_plans)::int AS uses FROM pg_prepared_statements
       WHERE statement LIKE 'SELECT name AS plan_name%'`.execute(trx);
    return rows;
  });
  expect(kept).toEqual([{ uses: 2 }]);
});

test('what is not prepared leaves nothing on the connection', async () => {
  const kept = await onOneConnection(async (trx) => {
    await sql`SELECT 1 AS nobody_keeps_this`.execute(trx);
    const { rows } = await sql`
      SELECT name FROM pg_prepared_statements WHERE statement LIKE '%nobody_keeps_this'`.execute(trx);
    return rows;
  });
  expect(kept).toEqual([]);
});

test('it goes on working when a migration adds a column meanwhile', async () => {
  await onOneConnection(async (trx) => {
    await runPrepared(trx, planOf('free'));
    await sql`ALTER TABLE plans ADD COLUMN added_later integer`.execute(trx);
    expect(await runPrepared(trx, planOf('free'))).toEqual([{ planName: 'Free' }]);
  });
});

test('texts that vary do not fill the server’s memory', async () => {
  const kept = await onOneConnection(async (trx) => {
    for (let n = 0; n < 200; n += 1) await runPrepared(trx, sql`SELECT ${sql.lit(n)} AS varying`);
    const { rows } = await sql<{ count: number }>`
      SELECT count(*)::int AS count FROM pg_prepared_statements`.execute(trx);
    return rows[0]?.count;
  });
  expect(kept).toBeGreaterThan(50);
  expect(kept).toBeLessThanOrEqual(100);
});
