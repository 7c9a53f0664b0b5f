import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { DoctorReport } from '../../src/reconcile/doctor/doctor.ts';
import { verifyAuditChain } from '../../src/registry/repositories/audit-chain.ts';
import { createTasks } from '../../src/tasks/request-task.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';

failOnLeaks();

let bench: Bench;
beforeAll(async () => {
  bench = await createProvisioningBench();
});
afterAll(() => bench.stop());

const sealedAll = () =>
  vi.waitFor(
    async () => {
      const { registry, masterSeal } = bench.platform;
      const state = await verifyAuditChain(registry, masterSeal.hmac);
      expect(state).toMatchObject({ waiting: 0 });
      expect(state.sealed).toBeGreaterThan(0);
    },
    { timeout: 10_000 },
  );

async function look() {
  const { registry, messages } = bench.platform;
  const tasks = createTasks({ registry, messages, afterCommit: bench.assembly.kick });
  const actor = { kind: 'operator', id: 'root' } as const;
  const id = await tasks.requestTask({ kind: 'doctor.check', parameters: {}, actor, requestId: 'test' });
  const task = await tasks.waitForTask(id, 50_000);
  expect(task).toMatchObject({ status: 'completed' });
  const report = task?.result as DoctorReport | undefined;
  return (report?.checks ?? []).filter(({ check }) => check === 'audit.chain');
}

it('the doctor finds the audit log as written, and says what it ends with', async () => {
  await Promise.all(Array.from({ length: 12 }, (_, n) => bench.request(`Organization ${n}`)));
  await sealedAll();
  const [found, ...more] = await look();
  expect(more).toEqual([]);
  expect(found).toMatchObject({ status: 'ok', remedy: null });
  expect(found?.detail).toMatch(
    /^\d+ rows of the audit log are as written; the chain ends with [0-9a-f]{16}\.$/,
  );
});

it('the doctor names the first row that a superuser has changed', async () => {
  await sealedAll();
  const { rows } = await bench.runOn(
    bench.registryName,
    'SELECT id FROM audit_log ORDER BY id LIMIT 2 OFFSET 3',
  );
  const [first, second] = rows.map(({ id }) => Number(id));
  await bench.runOn(
    bench.registryName,
    `SET session_replication_role = replica;
     UPDATE audit_log SET actor_id = 'somebody else' WHERE id IN (${first}, ${second})`,
  );
  const [found] = await look();
  expect(found).toMatchObject({ status: 'problem', remedy: expect.stringContaining('backup') });
  expect(found?.detail).toMatch(new RegExp(`: row ${first} \\(link \\d+ of the chain\\) was altered\\.`));
});
