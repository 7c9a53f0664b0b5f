import { describe, expect } from 'vitest';
import type { Bench } from '../../support/provisioning-bench.ts';
import { describeChain } from './describe-chain.ts';
import { casesOf } from './describe-faults.ts';

const making = ['create-roles', 'create-database', 'seal-database', 'verify-database', 'record'].map(
  (part) => `warm: ${part}`,
);
/** Whatever fails is dropped, and so is what a kill or a hang has left. */
const points = [...making, 'warm: drop'];

const keeping = {
  hasTemplate: true,
  async isDone({ platform }: Bench) {
    const pool = await platform.registry.selectFrom('warmDatabases').select('status').execute();
    expect(pool).toEqual([{ status: 'ready' }, { status: 'ready' }]);
  },
};
const environment = { WARM_POOL_SIZE: '2', PAUSE_MS: '100' };
const hanging = { ...environment, DEADLINE_MS: '2000' };

describe.concurrent('a pool of warm databases', () => {
  describeChain('warming that is killed, fails, or loses an answer', {
    ...keeping,
    environment,
    cases: casesOf(points, ['kill before', 'error', 'kill after', 'lost answer']),
  });

  describeChain('warming that hangs before what it does', {
    ...keeping,
    environment: hanging,
    cases: casesOf(points, ['hang before']),
  });

  describeChain('warming that hangs after what it has done', {
    ...keeping,
    environment: hanging,
    cases: casesOf(points, ['hang after']),
  });
});
