import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createMessages, type Messages } from '../../src/registry/messages.ts';
import { insertRun, listSteps, type OwnedRun } from '../../src/registry/repositories/provisioning-runs.ts';
import { recordSteps } from '../../src/registry/repositories/provisioning-steps.ts';
import { insertTenant } from '../../src/registry/repositories/tenants.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { createTestRegistry, type TestRegistry } from '../support/test-registry.ts';

failOnLeaks();

let registry: TestRegistry;
let messages: Messages;
const told: string[] = [];

beforeAll(async () => {
  registry = await createTestRegistry();
  messages = createMessages({
    login: registry.login,
    applicationName: 'steps',
    onError: (error) => told.push(error.message),
  });
  messages.on('run.changed', ({ runId }) => told.push(runId));
  await messages.start();
});

afterAll(async () => {
  await messages.stop();
  await registry.drop();
});

async function startRun(): Promise<OwnedRun> {
  const [id, tenantId, owner] = [randomUUID(), randomUUID(), randomUUID()];
  const { database } = registry;
  await insertTenant(database, {
    id: tenantId,
    slug: `t-${id}`,
    name: 'T',
    status: 'requested',
    plan: 'free',
  });
  await insertRun(database, { id, tenantId, generation: 1, kind: 'provision', status: 'processing', owner });
  return { id, tenantId, owner };
}

const readRun = ({ id }: OwnedRun) =>
  registry.database
    .selectFrom('provisioningRuns')
    .select(['currentStep', 'progress', 'heartbeatAt'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow();

const first = { position: 0, name: 'first' } as const;
const second = { position: 1, name: 'second' } as const;

test('the end of one step and the beginning of the next are recorded together, and told once', async () => {
  const run = await startRun();
  await recordSteps(registry.database, run, { moments: [{ ...first, status: 'running' }], progress: 0 });
  const moments = [
    { ...first, status: 'done' },
    { ...second, status: 'running' },
  ] as const;
  await expect(recordSteps(registry.database, run, { moments, progress: 50 })).resolves.toBe(true);
  expect(await listSteps(registry.database, run.id)).toMatchObject([
    { ...first, status: 'done', attempts: 1, finishedAt: expect.any(Date), errorCode: null },
    { ...second, status: 'running', attempts: 1, finishedAt: null },
  ]);
  expect(await readRun(run)).toEqual({ currentStep: 'second', progress: 50, heartbeatAt: expect.any(Date) });
  await vi.waitFor(() => expect(told.filter((id) => id === run.id)).toHaveLength(2));
});

test('a step that runs again counts its attempts, and has neither ended nor failed', async () => {
  const run = await startRun();
  await recordSteps(registry.database, run, { moments: [{ ...first, status: 'running' }], progress: 0 });
  await registry.database
    .updateTable('provisioningSteps')
    .set({ status: 'failed', errorCode: 'server_unreachable', finishedAt: new Date() })
    .where('runId', '=', run.id)
    .execute();
  await recordSteps(registry.database, run, { moments: [{ ...first, status: 'running' }], progress: 0 });
  const [step] = await listSteps(registry.database, run.id);
  expect(step).toMatchObject({ status: 'running', attempts: 2, finishedAt: null, errorCode: null });
});

test('who has lost the run records nothing, and tells nobody', async () => {
  const run = await startRun();
  const former = { ...run, owner: randomUUID() };
  const moments = [{ ...first, status: 'running' }] as const;
  await expect(recordSteps(registry.database, former, { moments, progress: 10 })).resolves.toBe(false);
  expect(await listSteps(registry.database, run.id)).toEqual([]);
  expect(await readRun(run)).toEqual({ currentStep: null, progress: 0, heartbeatAt: null });
  const marker = await startRun();
  await recordSteps(registry.database, marker, { moments, progress: 10 });
  await vi.waitFor(() => expect(told).toContain(marker.id));
  expect(told).not.toContain(run.id);
});
