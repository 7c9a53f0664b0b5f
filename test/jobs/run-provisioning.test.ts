import { expect, test } from 'vitest';
import { createProvisioningJob } from '../../src/jobs/run-provisioning.ts';

const payload = { tenant_id: '0190b1a0-7c3e-7000-8000-000000000001', generation: 3 };
const { signal } = new AbortController();

test('works on the run that the payload names, until the signal', async () => {
  const calls: unknown[][] = [];
  const job = createProvisioningJob({
    runProvisioning: async (...args) => {
      calls.push(args);
    },
  });
  await job(payload, { signal });
  expect(calls).toEqual([[payload.tenant_id, 3, signal]]);
  expect(calls[0]?.[2]).toBe(signal);
});

test('lets the failure of the feature through', async () => {
  const job = createProvisioningJob({
    runProvisioning: async () => {
      throw new Error('no room');
    },
  });
  await expect(job(payload, { signal })).rejects.toThrow('no room');
});
