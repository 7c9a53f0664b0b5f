import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import type { Bench } from '../../support/provisioning-bench.ts';
import { casesOf, describeFaults } from './describe-faults.ts';

const folder = mkdtempSync(join(tmpdir(), 'seed-'));
const path = join(folder, 'seed.sql');
writeFileSync(path, `INSERT INTO public.companies (name) VALUES ('seeded')`);
afterAll(() => rmSync(folder, { recursive: true }));

const points = ['seed-database', 'seed: run', 'seed: commit'];

const seeding = {
  act: async (bench: Bench, requestId: string) => (await bench.request(requestId, { requestId })).runId,
  ends: ['completed'],
  async check(bench: Bench, runId: string) {
    const { databaseName } = await bench.platform.registry
      .selectFrom('provisioningRuns as run')
      .innerJoin('tenantRegistry as tenant', 'tenant.id', 'run.tenantId')
      .select('databaseName')
      .where('run.id', '=', runId)
      .executeTakeFirstOrThrow();
    const rows = await bench.runOn(databaseName ?? '', `SELECT FROM companies WHERE name = 'seeded'`);
    expect(rows.rowCount).toBe(1);
  },
} as const;

describe.concurrent('of a seed, the row is there exactly once', () => {
  describeFaults('a seed whose worker is killed, or which fails, or loses an answer', {
    ...seeding,
    environment: { TENANT_SEED_SQL: path },
    cases: casesOf(points, ['kill before', 'kill after', 'error', 'lost answer']),
  });

  describeFaults('a seed that hangs', {
    ...seeding,
    environment: { TENANT_SEED_SQL: path, DEADLINE_MS: '3000' },
    cases: casesOf(points, ['hang before', 'hang after']),
  });
});
