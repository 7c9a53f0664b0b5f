import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failOnLeaks } from '../../support/leaks.ts';
import { findTestTools } from '../template-place.ts';
import { allowedChanges, insertEverywhere } from './application-role.ts';
import { type FidelityBench, type FidelitySource, openFidelityBench, ways } from './fidelity-bench.ts';

export type FidelityCase = {
  readonly name: string;
  readonly source: () => Promise<FidelitySource>;
  /** What tenants do not get or get otherwise, on purpose; each is also in `notCarried`, or says why it is here. */
  readonly differences?: readonly string[];
  /** Objects that PostgreSQL lets only a superuser own. */
  readonly ofSuperusers?: readonly string[];
  readonly notCarried?: readonly string[];
  /** A table of the application's, and how many take rows. */
  readonly table: { readonly schema: string; readonly name: string };
  readonly insertable: number;
  /** How many of them take a made-up row at least; the others stop at a rule of the application's. */
  readonly inserted: number;
  /** Values that types accept, by their names. */
  readonly values?: Readonly<Record<string, string>>;
  /** What may keep a row out of the named tables, beside the rules of the data itself. */
  readonly refusals?: Readonly<Record<string, RegExp>>;
};

/** Wrong values, broken constraints, and what a trigger of the application's raises. */
const BREAKS_A_RULE = /^(22|23|P0)/;

/** The tests that every schema must pass, by every way to a tenant's database. */
export async function describeFidelity(given: FidelityCase): Promise<void> {
  failOnLeaks();
  const tools = await findTestTools();

  describe.skipIf(tools === null)(`a tenant of ${given.name}`, () => {
    let on: FidelityBench;

    beforeAll(async () => {
      if (tools === null) throw new Error('There are no tools.');
      on = await openFidelityBench(tools.where, await given.source());
    });
    afterAll(() => on?.stop());

    it.each(ways)('equals one dump and restore of the source (%s)', (way) => {
      expect(on.expected.size).toBeGreaterThan(100);
      expect(on.differences(way)).toEqual(given.differences ?? []);
    });

    it.each(ways)('leaves to superusers what nobody else may own (%s)', async (way) => {
      const sql = await readFile(join(import.meta.dirname, '../superusers-objects.sql'), 'utf8');
      const { rows } = await on.inTenant(way, sql);
      expect(rows.map(({ object }) => object)).toEqual(given.ofSuperusers ?? []);
    });

    it.each(ways)('lets the application insert into everything that takes rows (%s)', async (way) => {
      const client = await on.asApplication(way);
      const outcomes = await insertEverywhere(client, given.values ?? {}).finally(() => client.end());
      const refused = outcomes.filter(
        ({ table, outcome }) =>
          outcome !== 'inserted' &&
          !BREAKS_A_RULE.test(outcome) &&
          given.refusals?.[table]?.test(outcome) !== true,
      );
      expect(refused).toEqual([]);
      expect(outcomes).toHaveLength(given.insertable);
      const inserted = outcomes.filter(({ outcome }) => outcome === 'inserted').length;
      console.log(`${given.name} (${way}): ${inserted} of ${outcomes.length} took a row`);
      expect(inserted).toBeGreaterThanOrEqual(given.inserted);
    });

    it.each(ways)('lets the application change no schema (%s)', async (way) => {
      const client = await on.asApplication(way);
      const allowed = await allowedChanges(
        client,
        given.table.schema,
        `${given.table.schema}.${given.table.name}`,
      );
      await client.end();
      expect(allowed).toEqual([]);
    });

    it('reports what is not carried', async () => {
      expect(await on.notCarried()).toEqual(given.notCarried ?? []);
    });
  });
}
