import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newNamePart } from '../../../src/databases/database-name.ts';
import { failOnLeaks } from '../../support/leaks.ts';
import { plantedDifferences } from '../planted-differences.ts';
import { findTestTools, openTemplatePlace, type TemplatePlace } from '../template-place.ts';
import { type DatabaseFacts, factDifferences } from './database-facts.ts';
import { databaseFacts } from './round-trip.ts';

failOnLeaks();

const tools = await findTestTools();

/**
 * Of privileges the comparison with a round trip looks at PUBLIC's: all others are another role's by design,
 * and the fingerprint watches over them.
 */
const planted = plantedDifferences.filter(
  ([sql, found]) => !found.startsWith('privileges') || /\bPUBLIC\b/.test(sql),
);

describe.skipIf(tools === null)('the comparison with a round trip', () => {
  const staff = `every_kind_staff_${newNamePart()}`;
  let on: TemplatePlace;
  let original: string;
  let expected: DatabaseFacts;

  const factsOf = (database: string) => databaseFacts(tools?.where ?? '', on.server, database);

  beforeAll(async () => {
    on = await openTemplatePlace();
    await on.session.run(`CREATE ROLE ${staff} NOLOGIN`);
    const script = await readFile(join(import.meta.dirname, '../every-kind.sql'), 'utf8');
    original = await on.makeSource(script.replaceAll('every_kind_staff', staff));
    expected = await factsOf(original);
  });
  afterAll(async () => {
    await on.session.run(`DROP DATABASE ${original}`);
    await on.session.run(`DROP ROLE ${staff}`);
    await on.close();
  });

  /** What is found in a clone after `change` was made to it. */
  async function differencesAfter(change: (clone: string) => Promise<unknown>): Promise<string[]> {
    const clone = `clone_${newNamePart()}`;
    await on.session.run(`CREATE DATABASE ${clone} TEMPLATE ${original}`);
    try {
      await change(clone);
      return factDifferences(expected, await factsOf(clone));
    } finally {
      await on.session.run(`DROP DATABASE ${clone} WITH (FORCE)`);
    }
  }

  it('finds nothing in a clone', async () => {
    expect(await differencesAfter(async () => undefined)).toEqual([]);
  });

  it('finds a setting of the database', async () => {
    const set = (clone: string) => on.session.run(`ALTER DATABASE ${clone} SET timezone = 'Asia/Tokyo'`);
    expect(await differencesAfter(set)).toEqual(['unexpected: setting TimeZone']);
  });

  it.each(planted)('finds %s', async (sql) => {
    expect(await differencesAfter((clone) => on.query(clone, sql))).not.toEqual([]);
  });
});
