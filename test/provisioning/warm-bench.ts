import { expect, vi } from 'vitest';
import { findFreePort } from '../../src/embedded/free-port.ts';
import type { WarmDatabase } from '../../src/registry/repositories/warm-databases.ts';
import { type RunningProgram, startProgram } from '../support/programs.ts';
import { type Bench, type BenchOptions, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

export const warmsWithinMs = 60_000;

/** A worker in this process that keeps so many databases warm. */
export async function createWarmBench(size: number, options: BenchOptions = {}): Promise<Bench> {
  const environment = { ...options.environment, WARM_POOL_SIZE: String(size) };
  return createProvisioningBench({ ...options, environment });
}

/** A worker process of the bench's installation. */
export async function startWarmWorker(bench: Bench, size: number): Promise<RunningProgram> {
  const [port, metricsPort] = [await findFreePort(), await findFreePort()];
  return startProgram('worker', {
    ...bench.environment,
    WARM_POOL_SIZE: String(size),
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
  });
}

export async function listPool({ platform: { registry } }: Pick<Bench, 'platform'>): Promise<WarmDatabase[]> {
  return registry.selectFrom('warmDatabases').selectAll().orderBy('createdAt').execute();
}

/** Waits until exactly so many wait for a tenant, and nothing else is in the pool. */
export async function untilWarm(bench: Bench, count: number): Promise<WarmDatabase[]> {
  const ready = Array.from({ length: count }, () => 'ready');
  await vi.waitFor(async () => expect((await listPool(bench)).map(({ status }) => status)).toEqual(ready), {
    timeout: warmsWithinMs,
    interval: 50,
  });
  return listPool(bench);
}

export async function readTenant({ platform: { registry } }: Bench, id: string) {
  return registry.selectFrom('tenantRegistry').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

export async function readRun({ platform: { registry } }: Bench, id: string) {
  return registry.selectFrom('provisioningRuns').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

/** Stops the bench, and looks whether registry and server agree. */
export async function stopClean(bench: Bench): Promise<void> {
  await bench.stop();
  const { server, registryName: registry, config } = bench;
  expect(await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX })).toEqual(
    [],
  );
}
