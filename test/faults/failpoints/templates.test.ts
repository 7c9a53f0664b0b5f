import { randomUUID } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { Bench } from '../../support/provisioning-bench.ts';
import { describeChain } from './describe-chain.ts';
import { casesOf } from './describe-faults.ts';

const environment = { DEADLINE_MS: '6000', TEMPLATE_REFRESH_SCHEDULE: '* * * * * *' };

const readCopies = ({ platform }: Bench) =>
  platform.registry.selectFrom('templateCopies').select('status').execute();

/** What was recorded stands: nothing is built again after what comes then. */
const building = ['build-template: dump', 'build-template: restore', 'build-template: seal'];
const record = 'build-template: record';
const isBuilt = async (bench: Bench) => expect(await readCopies(bench)).toEqual([{ status: 'ready' }]);

describe.concurrent('the building of a template', () => {
  describeChain('a building that is killed, fails, or loses an answer', {
    cases: [
      ...casesOf(building, ['kill before', 'kill after', 'error', 'lost answer']),
      ...casesOf([record], ['kill before', 'error', 'kill after']),
    ],
    environment,
    isDone: isBuilt,
  });

  describeChain('a building that hangs', {
    cases: casesOf([...building, record], ['hang before', 'hang after']),
    environment,
    isDone: isBuilt,
  });
});

let change = '';

/** A changed source makes a new version, and the old one goes, with what lies in its way. */
describeChain('the removal of a template', {
  cases: [
    ...casesOf(['build-template: record'], ['lost answer']),
    ...casesOf(
      ['drop-template'],
      ['kill before', 'kill after', 'error', 'hang before', 'hang after', 'lost answer'],
    ),
  ],
  environment,
  async isDone(bench) {
    const isFirstReady = (await readCopies(bench)).some(({ status }) => status === 'ready');
    if (change === '' && isFirstReady) {
      change = `added_${randomUUID().slice(0, 8)}`;
      await bench.runOn(bench.sourceName, `CREATE TABLE ${change} (id integer)`);
    }
    const versions = await bench.platform.registry.selectFrom('templateVersions').select('id').execute();
    expect(versions).toHaveLength(2);
    expect(await readCopies(bench)).toEqual([{ status: 'ready' }]);
  },
});
