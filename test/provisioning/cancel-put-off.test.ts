import { afterEach, describe, expect, it } from 'vitest';
import {
  beat,
  claimRun,
  findRun,
  type OwnedRun,
  pauseRun,
} from '../../src/registry/repositories/provisioning-runs.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';

const operator = { actor: { kind: 'operator', id: 'test' }, requestId: 'test' } as const;

let bench: Bench;
afterEach(() => bench.stop());

describe('a run that is put off at the moment of its cancellation', () => {
  const put = async (before: (run: OwnedRun) => Promise<void>) => {
    bench = await createProvisioningBench({ role: 'api' });
    const { registry } = bench.platform;
    const { tenantId, runId } = await bench.request('Put Off');
    const owner = 'a worker';
    await claimRun(registry, { tenantId, generation: 1, owner, staleAfterMs: 5_000 });
    const run = { id: runId, tenantId, owner };
    await bench.provisioning.cancelTenant(tenantId, operator);
    await before(run);
    await pauseRun(registry, run, { delayMs: 3_600_000, errorCode: 'test', errorDetail: 'test' });
    const { notBefore } = (await findRun(registry, runId)) ?? {};
    if (notBefore === undefined) throw new Error('The run is gone.');
    return notBefore.getTime() - Date.now();
  };

  it('is due at once for whoever takes it back', async () => {
    expect(await put(async () => undefined)).toBeLessThan(60_000);
  });

  it('but waits as long as told when it was already being taken back', async () => {
    const hear = async (run: OwnedRun) => expect(await beat(bench.platform.registry, run)).toBe('cancelled');
    expect(await put(hear)).toBeGreaterThan(3_000_000);
  });
});
