import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Bench, createProvisioningBench } from '../../support/provisioning-bench.ts';
import { findInconsistencies } from '../../support/sql-oracle.ts';
import { casesOf, describeFaults } from './describe-faults.ts';
import { type SupervisedWorker, superviseWorker } from './supervised-worker.ts';

const making = ['create-roles', 'create-database', 'seal-database', 'verify-database', 'record'].map(
  (part) => `warm: ${part}`,
);
/** An error is followed by a pause, so that there is one for each point. */
const cases = [
  ...casesOf(making, ['kill before', 'kill after']),
  ...casesOf(['warm: create-database', 'warm: record'], ['lost answer']),
  // A kill leaves what the next life has to drop.
  ...casesOf(['warm: drop'], ['kill before', 'kill after', 'lost answer']),
];
const warmsWithinMs = 240_000;

describe('a worker that is killed, or loses answers, while it warms databases', () => {
  let bench: Bench;
  let worker: SupervisedWorker;

  beforeAll(async () => {
    bench = await createProvisioningBench({ role: 'api' });
    worker = superviseWorker({ ...bench.environment, WARM_POOL_SIZE: '2' }, cases);
  });
  afterAll(async () => {
    await worker.stop();
    await bench.stop();
  });

  it(
    'fills the pool in the end, and leaves nothing behind',
    async () => {
      await vi.waitFor(
        async () => {
          expect(worker.happened().toSorted()).toEqual(cases.map(({ id }) => id).toSorted());
          const pool = await bench.platform.registry.selectFrom('warmDatabases').select('status').execute();
          expect(pool).toEqual([{ status: 'ready' }, { status: 'ready' }]);
        },
        { timeout: warmsWithinMs, interval: 200 },
      );
      expect(worker.deaths()).toBe(cases.filter(({ fault }) => fault.startsWith('kill')).length);
      const { server, registryName: registry, config } = bench;
      expect(
        await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX }),
      ).toEqual([]);
    },
    warmsWithinMs + 10_000,
  );
});

describeFaults('a registration that claims a warm database and renames it', {
  environment: { WARM_POOL_SIZE: '6', TENANT_DB_NAMES: 'slug' },
  cases: casesOf(['place-tenant', 'rename-database'], ['kill before', 'kill after', 'lost answer']),
  act: async (bench, requestId) => {
    await vi.waitFor(
      async () => {
        const pool = bench.platform.registry.selectFrom('warmDatabases').select('id');
        expect(await pool.where('status', '=', 'ready').execute()).toHaveLength(6);
      },
      { timeout: 60_000, interval: 50 },
    );
    return (await bench.request(requestId, { requestId })).runId;
  },
  ends: ['completed'],
});
