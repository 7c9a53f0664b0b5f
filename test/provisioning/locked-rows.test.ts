import { sql } from 'kysely';
import pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RunContext } from '../../src/provisioning/run-context.ts';
import { findTenant } from '../../src/registry/repositories/tenants.ts';
import { gate, holdAt } from '../support/hold-at.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

const operator = { actor: { kind: 'operator', id: 'test' }, requestId: 'test' } as const;

let bench: Bench;
afterEach(async () => {
  await bench.stop();
  const { server, registryName: registry, config } = bench;
  expect(await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX })).toEqual(
    [],
  );
});

const runsOf = () =>
  bench.platform.registry.selectFrom('provisioningRuns').selectAll().orderBy('generation').execute();

/** Sessions of the registry that wait for a lock. */
async function countWaiting(): Promise<number> {
  const { rows } = await bench.runOn(
    bench.registryName,
    `SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows[0].count;
}

describe('a placement that does not end', () => {
  it('holds up no other for long: it is said, and they are placed when it is over', async () => {
    const hold = holdAt('place-tenant');
    bench = await createProvisioningBench({ around: hold.around });
    await bench.assembly.firstLook;
    const asked = await Promise.all([1, 2, 3].map((number) => bench.request(`Held Up ${number}`)));
    await hold.arrived;
    const { host, port, admin } = bench.server;
    // What a worker has locked that was frozen within its placement.
    const frozen = new pg.Client({ host, port, ...admin, database: bench.registryName });
    await frozen.connect();
    try {
      await frozen.query('BEGIN; SELECT FROM database_servers FOR NO KEY UPDATE');
      hold.release();
      await vi.waitFor(
        async () =>
          expect((await runsOf()).map(({ errorCode }) => errorCode)).toEqual(
            asked.map(() => 'database_server_busy'),
          ),
        { timeout: 30_000, interval: 50 },
      );
    } finally {
      await frozen.end();
    }
    for (const { runId } of asked) {
      expect(await bench.provisioning.waitForRun(runId, 60_000)).toMatchObject({ status: 'completed' });
    }
  });
});

describe('an operator who ends a run', () => {
  it('and the worker that is about to write its next step wait for each other in one order', async () => {
    const hold = holdAt('place-tenant', { times: 1 });
    bench = await createProvisioningBench({ around: hold.around });
    const { registry } = bench.platform;
    const { tenantId } = await bench.request('Crossing');
    await hold.arrived;
    const [run, tenant] = [(await runsOf())[0], await findTenant(registry, tenantId)];
    if (run?.owner == null || tenant === undefined) throw new Error('Nobody works on the run.');
    const context = new RunContext({
      run: { id: run.id, tenantId, owner: run.owner },
      tenant,
      needs: { registry } as RunContext['needs'],
      signal: new AbortController().signal,
    });
    const [reached, passage] = [gate(), gate()];
    const saved = context.save(async () => {
      reached.open();
      await passage.opened;
      return { provisioningAt: new Date() };
    });
    await reached.opened;
    const purge = bench.provisioning.purgeTenant(tenantId, operator);
    await vi.waitFor(async () => expect(await countWaiting()).toBeGreaterThan(0), { interval: 20 });
    passage.open();
    await saved;
    const { runId } = await purge;
    hold.release();
    expect(await bench.provisioning.waitForRun(runId ?? '', 30_000)).toMatchObject({ status: 'completed' });
    const { rows } = await sql<{ deadlocks: number }>`
      SELECT deadlocks::int FROM pg_stat_database WHERE datname = current_database()`.execute(registry);
    expect(rows).toEqual([{ deadlocks: 0 }]);
  });
});
