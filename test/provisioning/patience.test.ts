import { sql } from 'kysely';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { errors } from '../../src/errors/catalogue.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';

let bench: Bench;
afterEach(() => bench.stop());

/** As if every time of the runs lay so much further back. */
const age = (hours: number) =>
  sql`UPDATE provisioning_runs
         SET created_at = created_at - ${hours} * interval '1 hour',
             started_at = started_at - ${hours} * interval '1 hour',
             failing_since = failing_since - ${hours} * interval '1 hour',
             not_before = least(not_before, now() - interval '1 second')`.execute(bench.platform.registry);
/** Nobody was there to try. */
const desert = (hours: number) =>
  sql`UPDATE provisioning_runs SET heartbeat_at = heartbeat_at - ${hours} * interval '1 hour'`.execute(
    bench.platform.registry,
  );

/** A run whose first attempt failed for what passes, and which `meanwhile` happens to before the second. */
async function failTwice(meanwhile: () => Promise<void>) {
  let attempts = 0;
  bench = await createProvisioningBench({
    around: async (point, effect) => {
      if (point !== 'create-roles' || attempts > 1) return effect();
      attempts += 1;
      throw errors.serverUnreachable('test', 'the database system is starting up');
    },
  });
  const run = () =>
    bench.platform.registry.selectFrom('provisioningRuns').selectAll().executeTakeFirstOrThrow();
  const { runId } = await bench.request('Patient');
  // Between two attempts, with the run in nobody's hands.
  await vi.waitFor(
    async () => {
      await bench.platform.registry.transaction().execute(async (trx) => {
        const paused = await trx
          .selectFrom('provisioningRuns')
          .selectAll()
          .where('owner', 'is', null)
          .where('attempts', '=', 1)
          .forUpdate()
          .executeTakeFirst();
        expect(paused).toBeDefined();
        await trx
          .updateTable('provisioningRuns')
          .set({ notBefore: sql<Date>`now() + interval '1 hour'` })
          .execute();
      });
    },
    { timeout: 20_000, interval: 5 },
  );
  expect(await run()).toMatchObject({ attempts: 1, errorCode: 'database_server_unreachable' });
  await meanwhile();
  return bench.provisioning.waitForRun(runId, 60_000);
}

describe('an accepted registration', () => {
  it('is not given up at the first failure after a day without workers', async () => {
    const end = await failTwice(async () => {
      await desert(25);
      await age(25);
    });
    expect(end).toMatchObject({ status: 'completed' });
  });

  it('is given up after a day in which every attempt failed', async () => {
    const end = await failTwice(async () => {
      await age(25);
    });
    expect(end).toMatchObject({ status: 'failed', error: { code: 'database_server_unreachable' } });
  });
});
