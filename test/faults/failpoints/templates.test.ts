import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Bench } from '../../support/provisioning-bench.ts';
import { describeChain } from './describe-chain.ts';
import { casesOf } from './describe-faults.ts';

const environment = { DEADLINE_MS: '6000', TEMPLATE_REFRESH_SCHEDULE: '* * * * * *' };

const readCopies = ({ platform }: Bench) =>
  platform.registry.selectFrom('templateCopies').select('status').execute();

describeChain('the building of a template', {
  cases: [
    ...casesOf(
      ['build-template: dump', 'build-template: restore', 'build-template: seal'],
      ['kill before', 'kill after', 'error', 'hang before', 'lost answer'],
    ),
    // What was recorded stands: nothing is built again after a kill that comes then.
    ...casesOf(['build-template: record'], ['kill before', 'error', 'hang before', 'kill after']),
  ],
  environment,
  isDone: async (bench) => expect(await readCopies(bench)).toEqual([{ status: 'ready' }]),
});

let change = '';

/** A changed source makes a new version, and the old one goes, with what lies in its way. */
describeChain('the removal of a template', {
  cases: [
    ...casesOf(['build-template: record'], ['lost answer']),
    ...casesOf(['drop-template'], ['kill before', 'kill after', 'error', 'hang before', 'lost answer']),
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
