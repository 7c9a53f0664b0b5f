import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Bench, createProvisioningBench } from '../../support/provisioning-bench.ts';
import { findInconsistencies } from '../../support/sql-oracle.ts';
import type { FaultCase } from './describe-faults.ts';
import { buildTemplate, type SupervisedWorker, superviseWorker } from './supervised-worker.ts';

export type FaultChain = {
  /** Met one after the other by work that is tried again and again. */
  cases: readonly FaultCase[];
  environment?: Record<string, string>;
  /** Where its building is not what is met by the faults. */
  hasTemplate?: boolean;
  /** Asked again and again until it is so; throws with what is missing. */
  isDone: (bench: Bench) => Promise<void>;
};

const endsWithinMs = 600_000;

/**
 * Work that belongs to no tenant is repeated until it succeeds, whatever happens at each of its points. One thing is
 * done at a time, so that what hangs has ended by a deadline of the product before the next fault can happen.
 * May be called within `describe.concurrent`.
 */
export function describeChain(title: string, chain: FaultChain): void {
  describe(title, () => {
    let bench: Bench;
    let worker: SupervisedWorker;
    const kills = chain.cases.filter(({ fault }) => fault.startsWith('kill')).length;

    /** What was recorded may be seen here before the worker has got as far as its fault. */
    async function areMetAndDone(): Promise<void> {
      const met = { faults: worker.happened().length, deaths: worker.deaths() };
      await chain.isDone(bench);
      expect(met).toEqual({ faults: chain.cases.length, deaths: kills });
    }

    beforeAll(async () => {
      bench = await createProvisioningBench({ role: 'api' });
      if (chain.hasTemplate) await buildTemplate(bench);
      worker = superviseWorker({ ...bench.environment, ...chain.environment }, chain.cases);
      await vi.waitFor(areMetAndDone, { timeout: endsWithinMs, interval: 250 }).catch((error: unknown) => {
        const story = `${worker.happened().join('\n')}\n${worker.output().slice(-4_000)}`;
        throw new Error(`${title} was not done in time:\n${story}`, { cause: error });
      });
    }, endsWithinMs + 20_000);
    afterAll(async () => {
      await worker.stop();
      await bench.stop();
    });

    it.sequential.each(chain.cases)('$id', ({ id }) => {
      expect(worker.happened().filter((happened) => happened === id)).toEqual([id]);
    });

    it.sequential('is done in the end, and leaves nothing behind', async () => {
      console.log(`${title}: ${chain.cases.length} faults, of them ${kills} kills`);
      expect(worker.deaths()).toBe(kills);
      const { server, registryName: registry, config } = bench;
      expect(
        await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX }),
      ).toEqual([]);
    });
  });
}
