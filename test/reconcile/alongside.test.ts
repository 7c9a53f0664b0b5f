import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Repair } from '../../src/reconcile/apply-repairs.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';
import { openReconcile } from './reconcile-bench.ts';

failOnLeaks();
let bench: Bench;
let reconcile: Awaited<ReturnType<typeof openReconcile>>;

beforeAll(async () => {
  bench = await createProvisioningBench({ environment: { WARM_POOL_SIZE: '2' } });
  await bench.assembly.firstLook;
  reconcile = await openReconcile(bench.environment);
}, 120_000);
afterAll(async () => {
  await reconcile.stop();
  await bench.stop();
});

const actor = { kind: 'operator', id: 'root' } as const;

test('tenants are made and purged while it looks without end, and it finds nothing to mend', async () => {
  const repairs: Repair[] = [];
  let looks = 0;
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      repairs.push(...(await reconcile.apply()).repairs);
      looks += 1;
    }
  })();
  const tenants = await Promise.all(Array.from({ length: 20 }, (_, at) => bench.request(`Burst ${at}`)));
  const ended = await Promise.all(tenants.map(({ runId }) => bench.provisioning.waitForRun(runId, 60_000)));
  expect(new Set(ended.map((run) => run?.status))).toEqual(new Set(['completed']));
  const purged = await Promise.all(
    tenants
      .slice(0, 10)
      .map(({ tenantId }) => bench.provisioning.purgeTenant(tenantId, { actor, requestId: 'test' })),
  );
  await Promise.all(purged.map(({ runId }) => bench.provisioning.waitForRun(runId ?? '', 60_000)));
  isOver = true;
  await looking;
  expect(looks).toBeGreaterThan(1);
  expect(repairs).toEqual([]);
  const installation = { registry: bench.registryName, databasePrefix: bench.config.TENANT_DB_PREFIX };
  await expect.poll(() => findInconsistencies(bench.server, installation)).toEqual([]);
}, 180_000);
