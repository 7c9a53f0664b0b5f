import { describe, expect, vi } from 'vitest';
import type { Bench } from '../../support/provisioning-bench.ts';
import { casesOf, describeFaults, type FaultCase } from './describe-faults.ts';

const steps = ['place-tenant', 'rename-database'];

/** The registrations come when there is a warm database for each of them. */
const renaming = (cases: readonly FaultCase[], more: Record<string, string> = {}) => ({
  cases,
  environment: { WARM_POOL_SIZE: String(cases.length), TENANT_DB_NAMES: 'slug', ...more },
  async prepare({ platform }: Bench): Promise<void> {
    const pool = platform.registry.selectFrom('warmDatabases').select('id').where('status', '=', 'ready');
    await vi.waitFor(async () => expect(await pool.execute()).toHaveLength(cases.length), {
      timeout: 90_000,
      interval: 50,
    });
  },
  act: async (bench: Bench, requestId: string) => (await bench.request(requestId, { requestId })).runId,
});

const findTenant = ({ platform }: Bench, runId: string) =>
  platform.registry
    .selectFrom('provisioningRuns as run')
    .innerJoin('tenantRegistry as tenant', 'tenant.id', 'run.tenantId')
    .select(['run.way', 'tenant.slug', 'tenant.databaseName', 'tenant.renamedFrom'])
    .where('run.id', '=', runId)
    .executeTakeFirstOrThrow();

async function isRenamed(bench: Bench, runId: string): Promise<void> {
  const { way, slug, databaseName, renamedFrom } = await findTenant(bench, runId);
  expect({ way, renamedFrom }).toEqual({ way: 'warm', renamedFrom: null });
  expect(databaseName).toContain(slug.replaceAll('-', '_').slice(0, 20));
}

async function isGone(bench: Bench, runId: string): Promise<void> {
  expect(await findTenant(bench, runId)).toMatchObject({ databaseName: null, renamedFrom: null });
}

describe.concurrent('a warm database that is claimed and renamed', () => {
  describeFaults('a renaming whose worker is killed, or which fails, or loses an answer', {
    ...renaming(casesOf(steps, ['kill before', 'kill after', 'error', 'lost answer'])),
    ends: ['completed'],
    check: isRenamed,
  });

  describeFaults('a renaming that hangs', {
    ...renaming(casesOf(steps, ['hang before', 'hang after']), { DEADLINE_MS: '3000', PAUSE_MS: '100' }),
    ends: ['completed'],
    check: isRenamed,
  });

  describeFaults('a claim that is taken back before the renaming', {
    ...renaming(casesOf(['undo create-roles'], ['kill before', 'kill after', 'error', 'lost answer'])),
    // An attempt that begins anew after everything was taken back may find the pool empty, and renames nothing.
    before: ({ id }) =>
      ['rename-database', 'create-roles'].map((point) => ({
        id: `${id} refused at ${point}`,
        point,
        fault: 'refused' as const,
      })),
    ends: ['failed'],
    check: isGone,
  });
});
