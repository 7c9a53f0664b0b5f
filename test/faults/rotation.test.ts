import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTenantConnection } from '../../src/databases/tenant-connection.ts';
import { createTasks } from '../../src/tasks/request-task.ts';
import { openReconcile } from '../reconcile/reconcile-bench.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import type { Fault } from './failpoints/planted-faults.ts';
import { type SupervisedWorker, superviseWorker } from './failpoints/supervised-worker.ts';

const actor = { kind: 'operator', id: 'test' } as const;
const points = ['rotate: note', 'rotate: set', 'rotate: take over'];
const kills: Fault[] = ['kill before', 'kill after'];
const losses: Fault[] = ['error', 'lost answer'];
type Case = { point: string; fault: Fault; id: string };
const casesOf = (faults: readonly Fault[]): Case[] =>
  points.flatMap((point) => faults.map((fault) => ({ point, fault, id: `${fault} ${point}` })));

describe('a rotation of credentials', () => {
  let bench: Bench;
  let worker: SupervisedWorker;
  let tasks: ReturnType<typeof createTasks>;
  const tenants = new Map<string, string>();
  const cases = [...casesOf(kills), ...casesOf(losses)];

  beforeAll(async () => {
    bench = await createProvisioningBench({ role: 'api' });
    const { registry, messages } = bench.platform;
    tasks = createTasks({ registry, messages, afterCommit: bench.assembly.kick });
    const planted = cases.map(({ id, point, fault }) => ({ id, point, fault, requestId: id }));
    worker = superviseWorker(bench.environment, planted);
    for (const { id } of cases) {
      const { tenantId, runId } = await bench.request(id);
      expect(await bench.provisioning.waitForRun(runId, 60_000)).toMatchObject({ status: 'completed' });
      tenants.set(id, tenantId);
    }
  }, 180_000);
  afterAll(async () => {
    await worker.stop();
    await bench.stop();
  });

  const tenantOf = (id: string) =>
    bench.platform.registry
      .selectFrom('tenantRegistry')
      .selectAll()
      .where('id', '=', tenants.get(id) ?? '')
      .executeTakeFirstOrThrow();

  async function rotate(id: string) {
    const taskId = await tasks.requestTask({
      kind: 'tenant.rotate-credentials',
      parameters: { tenant_id: tenants.get(id) ?? '', actor },
      actor,
      requestId: id,
    });
    const task = await tasks.waitForTask(taskId, 60_000);
    expect(worker.happened()).toContain(id);
    return task;
  }

  /** Whether the server takes what the registry says, as a process does that serves requests. */
  async function logIn(id: string, which: 'sealed' | 'pending' | 'former', former = '') {
    const tenant = await tenantOf(id);
    const { databaseId, sealedDataKey, sealedApplicationPassword, pendingApplicationPassword } = tenant;
    const { host, port } = bench.server;
    const sealed = {
      sealed: sealedApplicationPassword,
      pending: pendingApplicationPassword,
      former,
    }[which];
    const client = await openTenantConnection({
      address: { id: 'test', host, port, tls: { mode: 'disable' } },
      database: tenant.databaseName ?? '',
      user: tenant.applicationRole ?? '',
      password: bench.platform.masterSeal.unsealWithDataKey(sealedDataKey ?? '', sealed ?? '', {
        owner: databaseId ?? '',
        column: 'application_password',
      }),
      applicationName: 'test',
      statementTimeoutMs: 5_000,
    });
    await client.end();
  }

  async function expectRotated(id: string, former: string): Promise<void> {
    const tenant = await tenantOf(id);
    expect(tenant).toMatchObject({ pendingApplicationPassword: null, credentialsPendingSince: null });
    expect(tenant.credentialsRotatedAt).not.toBeNull();
    expect(tenant.sealedApplicationPassword).not.toBe(former);
    await logIn(id, 'sealed');
    await expect(logIn(id, 'former', former)).rejects.toMatchObject({ code: '28P01' });
  }

  it.each(casesOf(kills))('whose worker dies ($id) is finished by the next worker', async ({ id }) => {
    const { sealedApplicationPassword: former } = await tenantOf(id);
    const task = await rotate(id);
    if (id === 'kill after rotate: take over') {
      // Nobody can tell that it was done: it is done once more, with yet another password.
      expect(task?.attempts).toBe(2);
    }
    expect(task).toMatchObject({ status: 'completed' });
    await expectRotated(id, former ?? '');
  });

  it.each(casesOf(losses))(
    'that fails ($id) leaves a password that is accepted, and is finished by the reconciler',
    async ({ id }) => {
      const { sealedApplicationPassword: former, slug } = await tenantOf(id);
      expect(await rotate(id)).toMatchObject({ status: 'failed' });
      const left = await tenantOf(id);
      const logins = await Promise.allSettled([
        logIn(id, 'sealed'),
        ...(left.pendingApplicationPassword === null ? [] : [logIn(id, 'pending')]),
      ]);
      expect(logins.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      if (left.pendingApplicationPassword === null) return;
      await bench.runOn(
        bench.registryName,
        `UPDATE tenant_registry SET credentials_pending_since = now() - interval '2 minutes' WHERE id = '${left.id}'`,
      );
      const reconcile = await openReconcile(bench.environment);
      const { repairs, findings } = await reconcile.apply();
      await reconcile.stop();
      expect(repairs).toEqual([
        expect.objectContaining({ subject: slug, actions: ['finish_rotation'], outcome: 'done' }),
      ]);
      expect(findings).toEqual([]);
      await expectRotated(id, former ?? '');
    },
  );
});
