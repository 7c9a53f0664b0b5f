import type pg from 'pg';
import { type Trial, timed } from './take-turns.ts';

/**
 * The least that claiming a finished database can be: one durable transaction that takes a free row nobody else
 * is taking, and gives it away. In the registry of the installation that it is compared with.
 */
export async function createBareClaim(registry: pg.Client, rows: number) {
  await registry.query('CREATE TABLE bench_claims (id integer PRIMARY KEY, owner integer)');
  await registry.query('INSERT INTO bench_claims SELECT n, NULL FROM generate_series(1, $1::integer) n', [
    rows,
  ]);
  await registry.query('CREATE INDEX ON bench_claims (id) WHERE owner IS NULL');

  return async function claim(round: number): Promise<Trial> {
    const { ms, result } = await timed(async () => {
      await registry.query('BEGIN');
      const claimed = await registry.query(
        `UPDATE bench_claims SET owner = $1 WHERE id =
           (SELECT id FROM bench_claims WHERE owner IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id`,
        [round],
      );
      await registry.query('COMMIT');
      return claimed.rowCount;
    });
    return { value: ms, faults: result === 1 ? [] : [`${result} rows were claimed`] };
  };
}
