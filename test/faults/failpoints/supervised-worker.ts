import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { type RunningProgram, startScript } from '../../support/programs.ts';
import type { Bench } from '../../support/provisioning-bench.ts';
import { faultsThatHappened, type PlantedFault } from './planted-faults.ts';

const script = 'test/faults/failpoints/faulty-worker.ts';

export type SupervisedWorker = ReturnType<typeof superviseWorker>;

/** A worker with planted faults that is started again whenever it is killed, as an orchestrator does. */
export function superviseWorker(environment: Record<string, string>, planted: readonly PlantedFault[]) {
  const folder = mkdtempSync(join(tmpdir(), 'tenant-manager-faults-'));
  const logFile = join(folder, 'faults.log');
  const outputs: string[] = [];
  let isStopped = false;
  let deaths = 0;
  let worker: RunningProgram;
  let life: Promise<void>;

  function start(): void {
    worker = startScript(script, {
      ...environment,
      PLANTED_FAULTS: JSON.stringify(planted),
      FAULT_LOG: logFile,
    });
    life = worker.exited.then((code) => {
      outputs.push(worker.output());
      if (isStopped) return;
      // It ended by itself: nothing would come of starting it again.
      if (code !== null) throw new Error(`The worker ended with ${code}:\n${worker.output()}`);
      deaths += 1;
      start();
    });
  }

  start();
  return {
    happened: () => faultsThatHappened(logFile),
    deaths: () => deaths,
    /** What all its lives have written. */
    output: () => [...outputs, worker.output()].join(''),
    /** Kills a worker that works: one that is just starting has nothing to lose. */
    async kill(): Promise<void> {
      await worker.saw(/"Ready"/);
      await worker.kill('SIGKILL');
    },
    async stop(): Promise<void> {
      isStopped = true;
      await worker.kill('SIGTERM');
      await life;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A short deadline holds for everything: without this, the building of the template would not meet it either. */
export async function buildTemplate({ environment, platform }: Bench): Promise<void> {
  const { DEADLINE_MS, ...unlimited }: Record<string, string> = environment;
  const worker = startScript(script, { ...unlimited, WARM_POOL_SIZE: '0' });
  const copies = platform.registry.selectFrom('templateCopies').select('status');
  try {
    await vi.waitFor(async () => expect(await copies.execute()).toEqual([{ status: 'ready' }]), {
      timeout: 60_000,
      interval: 50,
    });
  } finally {
    await worker.kill('SIGTERM');
  }
}
