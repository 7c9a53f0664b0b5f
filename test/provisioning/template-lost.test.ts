import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errors } from '../../src/errors/catalogue.ts';
import type { Around } from '../../src/provisioning/failpoints.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { inconsistencies, listCopies, look, noSchedule, readyCopy, statusesOf } from './template-facts.ts';

/** What somebody may do to a template by hand. */
const harms: [string, (template: string) => string[]][] = [
  ['dropped', (name) => [`ALTER DATABASE ${name} IS_TEMPLATE false`, `DROP DATABASE ${name}`]],
  ['opened', (name) => [`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`]],
  ['stripped of its mark', (name) => [`ALTER DATABASE ${name} IS_TEMPLATE false`]],
  [
    'half dropped',
    (name) => [`UPDATE pg_database SET datconnlimit = -2, datistemplate = false WHERE datname = '${name}'`],
  ],
];

describe('a template that was', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createProvisioningBench({ environment: noSchedule });
    await bench.assembly.firstLook;
  });
  afterAll(() => bench.stop());

  async function harm(statements: (template: string) => string[]) {
    const copy = await readyCopy(bench);
    for (const statement of statements(copy.databaseName)) await bench.runOn('postgres', statement);
    return copy;
  }

  async function leavesOneCopy(lost: { id: string }) {
    expect((await readyCopy(bench)).id).not.toBe(lost.id);
    await look(bench);
    expect(await listCopies(bench)).toMatchObject([{ status: 'ready', exists: true }]);
    expect(await inconsistencies(bench)).toEqual([]);
  }

  it.each(harms)(
    '%s is noticed by those who would clone it, and they all complete',
    async (_, statements) => {
      const lost = await harm(statements);
      const asked = await Promise.all(['One', 'Two', 'Three'].map((name) => bench.request(name)));
      for (const { runId } of asked) {
        expect(await bench.provisioning.waitForRun(runId, 50_000)).toMatchObject({ status: 'completed' });
      }
      await leavesOneCopy(lost);
    },
  );

  it.each(harms)('%s is noticed by the look at the source', async (_, statements) => {
    const lost = await harm(statements);
    await look(bench);
    await leavesOneCopy(lost);
  });
});

describe('a build', () => {
  let failing: { point: string; fault: 'error' | 'lost answer' } | undefined;
  const happened: string[] = [];
  const around: Around = async (point, effect) => {
    const due = failing?.point === point ? failing : undefined;
    if (due === undefined) return effect();
    failing = undefined;
    happened.push(point);
    if (due.fault === 'lost answer') await effect();
    throw errors.serverUnreachable('planted', due.fault);
  };
  let bench: Bench;
  beforeAll(async () => {
    bench = await createProvisioningBench({ environment: noSchedule, around });
    await bench.assembly.firstLook;
  });
  afterAll(() => bench.stop());

  const points = ['dump', 'restore', 'seal', 'record'].map((part) => `build-template: ${part}`);
  const cases = [...points, 'drop-template'].flatMap((point) =>
    (['error', 'lost answer'] as const).map((fault) => ({ point, fault })),
  );

  it.each(cases)(
    'with $fault at "$point" leaves nothing that the next look does not mend',
    async (planted) => {
      const { sourceName } = bench;
      await bench.runOn(sourceName, `CREATE TABLE public.t${cases.indexOf(planted)} (id int)`);
      failing = planted;
      await look(bench);
      expect(happened.pop()).toBe(planted.point);
      const isRecorded = planted.point === 'drop-template' || planted.fault === 'lost answer';
      if (!isRecorded) expect(await statusesOf(bench)).toEqual(['ready']);
      await look(bench);
      expect(await listCopies(bench)).toMatchObject([{ status: 'ready', exists: true }]);
      expect(await inconsistencies(bench)).toEqual([]);
    },
  );
});
