import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { type Harm, type Harms, prepareHarms } from './planted-harms.ts';
import { createReconcileBench, type ReconcileBench, summary } from './reconcile-bench.ts';

failOnLeaks();
let bench: ReconcileBench;
let { harms, names, tenant }: Harms = {} as Harms;

beforeAll(async () => {
  bench = await createReconcileBench(19, 2);
  ({ harms, names, tenant } = await prepareHarms(bench));
}, 180_000);
afterAll(() => bench.stop());

const on = (statement: string) => bench.onServer(statement);
const expected = (isWanted: (harm: Harm) => boolean = () => true) =>
  harms
    .filter(isWanted)
    .flatMap(({ finds }) => finds())
    .sort();
const withoutRow = (line: string) => line.replace(/^secret_in_clear .*/, 'secret_in_clear');

describe('what is planted', () => {
  test('is not there before', async () => {
    const { findings, unchecked, compared } = await bench.plan('deep');
    expect({ findings, unchecked }).toEqual({ findings: [], unchecked: [] });
    expect(compared).toMatchObject({ servers: 1, tenants: 19, warm_databases: 2, template_copies: 1 });
    expect(await bench.askOracle()).toEqual([]);
  });

  test('is found by the plain SQL of the oracle, all of it', async () => {
    for (const { plant } of harms) await plant();
    const sentences = await bench.askOracle();
    for (const { what, oracle } of harms) {
      if (oracle === undefined) continue;
      expect(
        sentences.filter((sentence) => oracle.test(sentence)),
        what,
      ).not.toEqual([]);
    }
  });

  test('is found by checkConsistency, all of it and nothing else', async () => {
    const { findings, unchecked } = await bench.plan('deep');
    expect(summary(findings).map(withoutRow)).toEqual(expected());
    // Those with something to mend from outside are looked at within when it is mended.
    expect(new Set(unchecked.map(({ reason }) => reason))).toEqual(
      new Set(['what is wrong with it from outside is to be mended first; then look again']),
    );
  });

  test('is left as it is by a plan', async () => {
    const before = await bench.digest();
    await bench.plan('deep');
    expect(await bench.digest()).toEqual(before);
  });

  test('is mended, but for what only a person can decide', async () => {
    const { findings, repairs } = await bench.apply('deep');
    expect(repairs.filter(({ outcome }) => outcome !== 'done')).toEqual([]);
    const left = summary(findings).map(withoutRow);
    // A vanished database is also a run that needs an operator.
    const attention = [tenant(0).slug, tenant(13).slug].map((subject) => `run_needs_attention ${subject}`);
    expect(left).toEqual([...expected(({ isForPeople }) => isForPeople === true), ...attention].sort());
    expect(findings.filter(({ repair }) => repair !== undefined)).toEqual([]);
  });

  test('leaves the oracle with nothing but that', async () => {
    const forPeople = harms.filter(({ isForPeople }) => isForPeople).map(({ oracle }) => oracle);
    const sentences = await bench.askOracle();
    const isForPeople = (sentence: string) =>
      sentence.includes(names.foreign) || forPeople.some((oracle) => oracle?.test(sentence));
    expect(sentences.filter((sentence) => !isForPeople(sentence))).toEqual([]);
  });

  test('is mended once: a second apply writes nothing', async () => {
    const before = await bench.digest();
    const { repairs } = await bench.apply('deep');
    expect(repairs).toEqual([]);
    expect(await bench.digest()).toEqual(before);
  });

  test('is refused to requests where the database is gone, with a reason that says what to do', async () => {
    const [row] = await bench.ask<{ status: string; reason: string }>(
      `SELECT status, status_reason AS reason FROM tenant_registry WHERE id = '${tenant(0).id}'`,
    );
    expect(row?.status).toBe('maintenance');
    expect(row?.reason).toMatch(
      /does not exist\. Restore it from a backup under this name and activate the tenant/,
    );
  });

  test('is shut and kept where nobody knows whose it is, and dropped on an operator’s word', async () => {
    const kept = async () =>
      (await on(`SELECT datallowconn FROM pg_database WHERE datname = '${names.orphan}'`)).rows;
    expect(await kept()).toEqual([{ datallowconn: false }]);
    await expect(bench.reconcile.dropQuarantined({ name: tenant(2).database })).rejects.toMatchObject({
      code: 'not_found',
    });
    await bench.reconcile.dropQuarantined({ name: names.orphan });
    expect(await kept()).toEqual([]);
    expect(await bench.ask(`SELECT name FROM quarantined_objects WHERE name = '${names.orphan}'`)).toEqual(
      [],
    );
  });

  test('is untouched where it is foreign', async () => {
    const { rows } = await on(
      `SELECT datallowconn, datacl FROM pg_database WHERE datname = '${names.foreign}'`,
    );
    expect(rows).toEqual([{ datallowconn: true, datacl: null }]);
    expect(await bench.ask(`SELECT name FROM quarantined_objects WHERE name = '${names.foreign}'`)).toEqual(
      [],
    );
  });
});
