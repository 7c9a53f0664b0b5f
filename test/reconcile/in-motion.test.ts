import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdAt } from '../support/hold-at.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { openReconcile } from './reconcile-bench.ts';

failOnLeaks();
const hold = holdAt('create-database', { times: 1 });
let bench: Bench;
let reconcile: Awaited<ReturnType<typeof openReconcile>>;
let beforeServer: () => Promise<void> = async () => undefined;

beforeAll(async () => {
  bench = await createProvisioningBench({ around: hold.around });
  await bench.assembly.firstLook;
  reconcile = await openReconcile(bench.environment, () => beforeServer());
  // The worker of the bench mends by itself too.
  await bench.runOn(
    bench.registryName,
    `INSERT INTO heartbeats (name, holder, beat_at) VALUES ('reconciler', 'nobody', now() + interval '1 hour')
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, beat_at = excluded.beat_at`,
  );
}, 120_000);
afterAll(async () => {
  hold.release();
  await reconcile.stop();
  await bench.stop();
});

test('a tenant in the middle of its making is no finding, though its database is not there', async () => {
  const { runId, tenantId } = await bench.request('In the making');
  await hold.arrived;
  const { rows } = await bench.runOn(
    bench.registryName,
    `SELECT database_name FROM tenant_registry WHERE id = '${tenantId}'`,
  );
  const existing = await bench.runOn(
    'postgres',
    `SELECT FROM pg_database WHERE datname = '${rows[0]?.database_name}'`,
  );
  expect([rows[0]?.database_name, existing.rowCount]).toEqual([expect.any(String), 0]);
  const { findings, repairs } = await reconcile.apply();
  expect({ findings, repairs }).toEqual({ findings: [], repairs: [] });
  hold.release();
  expect(await bench.provisioning.waitForRun(runId, 30_000)).toMatchObject({ status: 'completed' });
});

test('what is there at one look and gone at the next is no finding, and what stays is one', async () => {
  const role = `a_${reconcile.installationId}_passing`;
  await bench.runOn('postgres', `CREATE ROLE ${role}`);
  let looks = 0;
  beforeServer = async () => {
    looks += 1;
    if (looks === 2) await bench.runOn('postgres', `DROP ROLE ${role}`);
  };
  expect((await reconcile.plan()).findings).toEqual([]);
  beforeServer = async () => undefined;

  await bench.runOn('postgres', `CREATE ROLE ${role}`);
  expect((await reconcile.plan()).findings).toMatchObject([{ kind: 'role_orphaned', subject: role }]);
  await bench.runOn('postgres', `DROP ROLE ${role}`);
});

test('what appears between two looks is left to the next', async () => {
  const [first, later] = ['first', 'later'].map((name) => `a_${reconcile.installationId}_${name}`);
  await bench.runOn('postgres', `CREATE ROLE ${first}`);
  let looks = 0;
  beforeServer = async () => {
    looks += 1;
    if (looks === 2) await bench.runOn('postgres', `CREATE ROLE ${later}`);
  };
  expect((await reconcile.plan()).findings).toMatchObject([{ subject: first }]);
  beforeServer = async () => undefined;
  await bench.runOn('postgres', `DROP ROLE ${first}, ${later}`);
});
