import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bench, createProvisioningBench } from '../../support/provisioning-bench.ts';
import { findInconsistencies } from '../../support/sql-oracle.ts';
import { casesOf } from './describe-faults.ts';
import { type SupervisedWorker, superviseWorker } from './supervised-worker.ts';

const cases = casesOf(
  ['seed-database', 'seed: run', 'seed: commit'],
  ['kill before', 'kill after', 'error', 'lost answer'],
);
const endsWithinMs = 150_000;

describe('a seed whose worker is killed, fails, or loses an answer', () => {
  const folder = mkdtempSync(join(tmpdir(), 'seed-'));
  const asked = new Map<string, { tenantId: string; runId: string }>();
  let bench: Bench;
  let worker: SupervisedWorker;

  beforeAll(async () => {
    const path = join(folder, 'seed.sql');
    writeFileSync(path, `INSERT INTO public.companies (name) VALUES ('seeded')`);
    const environment = { TENANT_SEED_SQL: path, WARM_POOL_SIZE: '0' };
    bench = await createProvisioningBench({ role: 'api', environment });
    worker = superviseWorker(
      bench.environment,
      cases.map((one) => ({ ...one, requestId: one.id })),
    );
    for (const { id } of cases) asked.set(id, await bench.request(id, { requestId: id }));
  }, endsWithinMs);
  afterAll(async () => {
    await worker.stop();
    await bench.stop();
    rmSync(folder, { recursive: true });
  });

  it.each(cases)(
    '$id: its row is there exactly once',
    async ({ id }) => {
      const { tenantId = '', runId = '' } = asked.get(id) ?? {};
      const run = await bench.provisioning.waitForRun(runId, endsWithinMs);
      expect(run?.status).toBe('completed');
      expect(worker.happened().filter((happened) => happened === id)).toEqual([id]);
      const { databaseName } = await bench.platform.registry
        .selectFrom('tenantRegistry')
        .select('databaseName')
        .where('id', '=', tenantId)
        .executeTakeFirstOrThrow();
      const rows = await bench.runOn(databaseName ?? '', `SELECT FROM companies WHERE name = 'seeded'`);
      expect(rows.rowCount).toBe(1);
    },
    endsWithinMs + 10_000,
  );

  it('leaves nothing behind', async () => {
    const { server, registryName: registry, config } = bench;
    expect(await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX })).toEqual(
      [],
    );
    expect(worker.deaths()).toBe(cases.filter(({ fault }) => fault.startsWith('kill')).length);
  });
});
