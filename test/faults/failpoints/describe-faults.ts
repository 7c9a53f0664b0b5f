import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunStatus } from '../../../src/registry/tables.generated.ts';
import { type Bench, createProvisioningBench } from '../../support/provisioning-bench.ts';
import { findInconsistencies } from '../../support/sql-oracle.ts';
import type { Fault, PlantedFault } from './planted-faults.ts';
import { buildTemplate, type SupervisedWorker, superviseWorker } from './supervised-worker.ts';

export type FaultCase = { id: string; point: string; fault: Fault };

/** Every one of the faults at every one of the points. */
export function casesOf(points: readonly string[], faults: readonly Fault[]): FaultCase[] {
  return points.flatMap((point) =>
    faults.map((fault) => ({ id: `${point}, ${fault}`.replaceAll(':', ''), point, fault })),
  );
}

export type FaultGroup = {
  cases: readonly FaultCase[];
  /** Other faults that a case needs before its own can happen. */
  before?: (one: FaultCase) => PlantedFault[];
  environment?: Record<string, string>;
  /** What has to be there before anything is asked for. */
  prepare?: (bench: Bench) => Promise<void>;
  /** Causes the work in which the fault lies, by a request with the case's id. @returns the run to wait for. */
  act: (bench: Bench, requestId: string) => Promise<string>;
  /** How the run may end. */
  ends: readonly RunStatus[];
  /** Looks at what came of it, once its run has ended. */
  check?: (bench: Bench, runId: string) => Promise<void>;
};

const endsWithinMs = 150_000;
const aMoment = { timeout: 10_000, interval: 20 };

/**
 * One worker, restarted whenever it is killed, meets all faults of the group, each in the work of a tenant of its
 * own. Every case proves that its fault happened; in the end nothing is left over and nothing is missing. A group
 * in which something hangs has no kills, which would end it as well: only a deadline of the product can.
 * May be called within `describe.concurrent`.
 */
export function describeFaults(title: string, group: FaultGroup): void {
  describe(title, () => {
    let bench: Bench;
    let worker: SupervisedWorker;
    const runs = new Map<string, string>();

    beforeAll(async () => {
      bench = await createProvisioningBench({ role: 'api', environment: group.environment ?? {} });
      if (group.environment?.DEADLINE_MS !== undefined) await buildTemplate(bench);
      worker = superviseWorker(bench.environment, plan(group));
      await group.prepare?.(bench);
      const asked = group.cases.map(async ({ id }) => runs.set(id, await group.act(bench, id)));
      await Promise.all(asked);
    }, endsWithinMs);
    afterAll(async () => {
      await worker.stop();
      await bench.stop();
    });

    it.sequential.each(group.cases)(
      '$id',
      async ({ id }) => {
        const runId = runs.get(id) ?? '';
        const run = await bench.provisioning.waitForRun(runId, endsWithinMs);
        expect(group.ends).toContain(run?.status);
        // What was recorded may be seen here before the worker has got as far as its fault.
        await vi.waitFor(
          () => expect(worker.happened().filter((happened) => happened === id)).toEqual([id]),
          aMoment,
        );
        await group.check?.(bench, runId);
      },
      endsWithinMs + 10_000,
    );

    it.sequential('leaves nothing behind', async () => {
      const { server, registryName: registry, config } = bench;
      expect(
        await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX }),
      ).toEqual([]);
      const kills = group.cases.filter(({ fault }) => fault.startsWith('kill')).length;
      await vi.waitFor(() => expect(worker.deaths()).toBe(kills), aMoment);
      console.log(`${title}: ${group.cases.length} faults, of them ${kills} kills`);
    });
  });
}

function plan({ cases, before = () => [] }: FaultGroup): PlantedFault[] {
  return cases.flatMap((one) => [
    ...before(one).map((each) => ({ ...each, requestId: one.id })),
    { ...one, requestId: one.id },
  ]);
}
