import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningProgram, startScript } from '../support/programs.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';
import { faultsThatHappened, type PlantedFault } from './failpoints/planted-faults.ts';

const patient = { timeout: 60_000, interval: 50 };

describe('a worker that is frozen while it warms a database', () => {
  let bench: Bench;
  const folder = mkdtempSync(join(tmpdir(), 'tenant-manager-frozen-'));
  const workers: RunningProgram[] = [];

  beforeAll(async () => {
    bench = await createProvisioningBench({ role: 'api' });
  });
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.kill('SIGKILL')));
    await bench.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function startWorker(name: string, planted: PlantedFault[]) {
    const log = join(folder, name);
    const worker = startScript('test/faults/failpoints/faulty-worker.ts', {
      ...bench.environment,
      WARM_POOL_SIZE: '2',
      PLANTED_FAULTS: JSON.stringify(planted),
      FAULT_LOG: log,
    });
    workers.push(worker);
    return { worker, happened: () => faultsThatHappened(log) };
  }

  const pool = () =>
    bench.platform.registry
      .selectFrom('warmDatabases')
      .select(['id', 'status'])
      .orderBy('createdAt')
      .execute();

  it('keeps no registration waiting, and another one takes the pool over', async () => {
    const frozen = startWorker('frozen', [
      { id: 'hangs', point: 'warm: verify-database', fault: 'hang before' },
    ]);
    await vi.waitFor(() => expect(frozen.happened()).toEqual(['hangs']), patient);
    const [left] = await pool();
    process.kill(frozen.worker.pid, 'SIGSTOP');

    const { worker } = startWorker('other', []);
    await worker.saw(/Ready/);
    const { runId } = await bench.request('Meanwhile');
    expect(await bench.provisioning.waitForRun(runId, 30_000)).toMatchObject({ status: 'completed' });
    await vi.waitFor(
      async () => expect((await pool()).map(({ status }) => status)).toEqual(['ready', 'ready']),
      patient,
    );
    expect((await pool()).map(({ id }) => id)).not.toContain(left?.id);
    expect(worker.output()).toContain('its session was ended');

    process.kill(frozen.worker.pid, 'SIGCONT');
    await frozen.worker.saw(/taken over/);
    const { server, registryName: registry, config } = bench;
    expect(await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX })).toEqual(
      [],
    );
    expect((await pool()).map(({ status }) => status)).toEqual(['ready', 'ready']);
  }, 180_000);
});
