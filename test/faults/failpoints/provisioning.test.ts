import { describe } from 'vitest';
import type { Bench } from '../../support/provisioning-bench.ts';
import { casesOf, describeFaults } from './describe-faults.ts';

const steps = [
  'place-tenant',
  'prepare-template',
  'reserve-database',
  'create-roles',
  'create-database',
  'seal-database',
  'verify-database',
  'activate-tenant',
];

const register = async (bench: Bench, requestId: string) =>
  (await bench.request(requestId, { requestId })).runId;

describe.concurrent('registrations', () => {
  describeFaults('a registration whose worker is killed', {
    cases: casesOf(steps, ['kill before', 'kill after']),
    act: register,
    ends: ['completed'],
  });

  describeFaults('a registration that hangs', {
    environment: { DEADLINE_MS: '3000' },
    cases: casesOf(steps, ['hang before', 'hang after']),
    act: register,
    ends: ['completed'],
  });

  describeFaults('a registration that fails, or loses an answer', {
    cases: casesOf(steps, ['error', 'lost answer']),
    act: register,
    ends: ['completed'],
  });
});

const undone = ['undo create-roles', 'undo reserve-database', 'undo prepare-template'];

describe.concurrent('taking back', () => {
  describeFaults('what was refused and is taken back', {
    cases: casesOf(undone, ['kill before', 'kill after', 'error', 'lost answer']),
    before: ({ id }) => [{ id: `${id} refused`, point: 'verify-database', fault: 'refused' }],
    act: register,
    ends: ['failed'],
  });

  describeFaults('taking back that hangs', {
    environment: { DEADLINE_MS: '3000' },
    before: ({ id }) => [{ id: `${id} refused`, point: 'verify-database', fault: 'refused' }],
    cases: casesOf(undone, ['hang before', 'hang after']),
    act: register,
    ends: ['failed'],
  });
});

async function registerAndPurge(bench: Bench, requestId: string): Promise<string> {
  const { tenantId, runId } = await bench.request(requestId, { requestId: `first ${requestId}` });
  await bench.provisioning.waitForRun(runId, 60_000);
  const actor = { kind: 'operator', id: 'test' } as const;
  const purge = await bench.provisioning.purgeTenant(tenantId, { actor, requestId });
  return purge.runId ?? '';
}

describe.concurrent('purges', () => {
  describeFaults('a purge whose worker is killed, fails, or loses an answer', {
    cases: casesOf(['drop-database', 'bury-tenant'], ['kill before', 'kill after', 'error', 'lost answer']),
    act: registerAndPurge,
    ends: ['completed'],
  });

  describeFaults('a purge that hangs', {
    environment: { DEADLINE_MS: '3000' },
    cases: casesOf(['drop-database', 'bury-tenant'], ['hang before', 'hang after']),
    act: registerAndPurge,
    ends: ['completed'],
  });
});
