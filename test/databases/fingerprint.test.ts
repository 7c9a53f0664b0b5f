import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newNamePart } from '../../src/databases/database-name.ts';
import {
  digestRows,
  type FingerprintRow,
  fingerprintDatabase,
  fingerprintRows,
} from '../../src/databases/fingerprint.ts';
import { describeFingerprintDifference } from '../../src/databases/fingerprint-difference.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { plantedDifferences } from './planted-differences.ts';
import { openTemplatePlace, type TemplatePlace } from './template-place.ts';

failOnLeaks();

const dataTables = ['country', 'public.ledger'];
const staff = `every_kind_staff_${newNamePart()}`;
let on: TemplatePlace;
let original: string;
let expected: FingerprintRow[];
/** A clone whose changes are all taken back. */
let trial: { database: string; client: pg.Client };

beforeAll(async () => {
  on = await openTemplatePlace();
  await on.session.run(`CREATE ROLE ${staff} NOLOGIN`);
  const script = await readFile(join(import.meta.dirname, 'every-kind.sql'), 'utf8');
  original = await on.makeSource(script.replaceAll('every_kind_staff', staff));
  expected = await look(original);
  const database = `trial_${newNamePart()}`;
  await on.session.run(`CREATE DATABASE ${database} TEMPLATE ${original}`);
  trial = { database, client: await on.connect(database) };
});
afterAll(async () => {
  await trial.client.end();
  await on.session.run(`DROP DATABASE ${trial.database}`);
  await on.session.run(`DROP DATABASE ${original}`);
  await on.session.run(`DROP ROLE ${staff}`);
  await on.close();
});

async function look(database: string) {
  const client = await on.connect(database);
  return fingerprintRows(client, { neutral: on.neutral, dataTables }).finally(() => client.end());
}

/** The differences that `sql` makes, seen from within its own transaction, which is taken back. */
async function tryOut(sql: string) {
  await trial.client.query('BEGIN');
  try {
    await trial.client.query(sql);
    const rows = await fingerprintRows(withinTransaction(trial.client), { neutral: on.neutral, dataTables });
    return describeFingerprintDifference(expected, rows);
  } finally {
    await trial.client.query('ROLLBACK');
  }
}

/** A client that looks as part of the transaction that is open already, instead of one of its own. */
function withinTransaction(client: pg.Client): pg.Client {
  const nested = (text: string) =>
    text
      .replace('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;', 'SAVEPOINT look;')
      .replace(/;\nCOMMIT$/, ';\nRELEASE look');
  const query = (asked: string | pg.QueryArrayConfig, values?: unknown[]) =>
    typeof asked === 'string'
      ? client.query(asked, values)
      : client.query({ ...asked, text: nested(asked.text) });
  return Object.create(client, { query: { value: query } }) as pg.Client;
}

/** Nothing takes a sequence back. */
const isLasting = (sql: string) => sql.includes('nextval');

describe('a fingerprint', () => {
  it.each(plantedDifferences)('changes by %s', async (sql, found) => {
    const differences = await (isLasting(sql) ? plant([sql]) : tryOut(sql));
    expect(
      differences.map(({ part, change, kind, identity }) => `${part}: ${change} ${kind} ${identity}`),
    ).toContain(found);
  });

  it('is what it was when changes were taken back', async () => {
    expect(describeFingerprintDifference(expected, await look(trial.database))).toEqual([]);
  });

  it.each([
    "INSERT INTO sales.company (name) OVERRIDING SYSTEM VALUE SELECT 'x' WHERE false",
    'UPDATE country SET name = name',
    'ANALYZE; VACUUM',
    'ALTER TABLE animal ADD COLUMN x int; ALTER TABLE animal DROP COLUMN x',
    'GRANT SELECT ON animal TO PUBLIC; REVOKE SELECT ON animal FROM PUBLIC',
    'CREATE TABLE temporary (id int); DROP TABLE temporary; REINDEX TABLE contact',
    'ALTER DATABASE CURRENT_DATABASE_NAME SET work_mem = 1000000',
  ])('stays the same after %s', async (sql) => {
    const statements = sql.includes('CURRENT_DATABASE_NAME')
      ? ["DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = 1000000', current_database()); END $$"]
      : sql.split(';');
    expect(await plant(statements)).toEqual([]);
  });

  it('does not depend on who looks, nor on their settings', async () => {
    const reader = `reader_${newNamePart()}`;
    await on.session.run(`CREATE ROLE ${reader} LOGIN PASSWORD 'reader'`);
    await on.session.run(`ALTER ROLE ${reader} SET search_path = sales, public`);
    await on.session.run(`ALTER ROLE ${reader} SET DateStyle = 'German'`);
    await on.session.run(`ALTER ROLE ${reader} SET TimeZone = 'Asia/Tokyo'`);
    await on.session.run(`ALTER ROLE ${reader} SET quote_all_identifiers = on`);
    await on.session.run(`ALTER ROLE ${reader} SET bytea_output = escape`);
    await on.session.run(`ALTER ROLE ${reader} SET client_encoding = LATIN1`);
    const source = await on.makeSource(
      `CREATE TABLE t (at timestamptz DEFAULT '2026-01-02 03:04:05+00', b bytea DEFAULT '\\x00ff', i interval DEFAULT '1 day 2 hours');
       INSERT INTO t VALUES (DEFAULT, DEFAULT, DEFAULT); GRANT SELECT ON t TO PUBLIC`,
    );
    const subject = { neutral: on.neutral, dataTables: ['t'] };
    const [one, other] = [
      await on.connect(source),
      await on.connect(source, { user: reader, password: 'reader' }),
    ];
    const first = await fingerprintDatabase(one, subject).finally(() => one.end());
    const second = await fingerprintDatabase(other, subject);
    const { rows } = await other.query('SHOW search_path').finally(() => other.end());
    await on.session.run(`DROP ROLE ${reader}`);
    expect(second).toEqual(first);
    expect(rows).toEqual([{ search_path: 'sales, public' }]);
  });

  it('names roles by their part, so that installations and tenants can be compared', async () => {
    const make = async () => {
      const part = newNamePart();
      const neutral = { owner: `o_${part}`, application: `a_${part}` };
      const source = await on.makeSource(
        `CREATE ROLE ${neutral.owner}; CREATE ROLE ${neutral.application}; GRANT CREATE ON SCHEMA public TO ${neutral.owner};
         SET ROLE ${neutral.owner}; CREATE TABLE t (id int); GRANT SELECT ON t TO ${neutral.application};
         ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t TO ${neutral.application} USING (true)`,
      );
      const client = await on.connect(source);
      const fingerprint = await fingerprintDatabase(client, { neutral, dataTables: [] }).finally(() =>
        client.end(),
      );
      await on.session.run(`DROP DATABASE ${source}`);
      await on.session.run(`DROP ROLE ${neutral.owner}, ${neutral.application}`);
      return fingerprint;
    };
    expect(await make()).toEqual(await make());
  });

  it('leaves the connection usable after an error', async () => {
    const source = await on.makeSource('CREATE TABLE t (id int)');
    const client = await on.connect(source);
    await client.query("SET statement_timeout = '1ms'");
    await expect(fingerprintDatabase(client, { neutral: on.neutral, dataTables: ['t'] })).rejects.toThrow();
    await client.query('SET statement_timeout = 0');
    const { rows } = await client.query('SELECT 1 AS one').finally(() => client.end());
    expect(rows).toEqual([{ one: 1 }]);
  });

  it('digests each part for itself', async () => {
    const before = digestRows(expected);
    const rows = expected.filter(({ part }) => part !== 'privileges');
    const after = digestRows(rows);
    expect({ ...after, privileges: '' }).toEqual({ ...before, privileges: '' });
    expect(after.privileges).not.toBe(before.privileges);
  });
});

/**
 * The differences between the original and a clone in which the statements were run: each on its own, because some
 * refuse to run in a transaction with others.
 */
async function plant(statements: readonly string[]) {
  const clone = `clone_${newNamePart()}`;
  await on.session.run(`CREATE DATABASE ${clone} TEMPLATE ${original}`);
  const client = await on.connect(clone);
  try {
    for (const statement of statements) await client.query(statement);
    return describeFingerprintDifference(expected, await look(clone));
  } finally {
    await client.end();
    await on.session.run(`DROP DATABASE ${clone} WITH (FORCE)`);
  }
}
