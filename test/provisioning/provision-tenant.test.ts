import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';

describe('provisioning', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await createProvisioningBench();
  });
  afterAll(() => bench.stop());

  it('makes a tenant with a database of its own', async () => {
    const asked = await bench.request('ACME Corp');
    const progress = await bench.provisioning.waitForRun(asked.runId, 30_000);
    expect(progress).toMatchObject({ status: 'completed', progress: 100, slug: 'acme-corp' });
    const tenant = await bench.platform.registry
      .selectFrom('tenantRegistry')
      .selectAll()
      .where('id', '=', asked.tenantId)
      .executeTakeFirstOrThrow();
    expect(tenant.status).toBe('active');
    const { rows } = await bench.runOn(
      'postgres',
      `SELECT datallowconn, datacl::text FROM pg_database WHERE datname = '${tenant.databaseName}'`,
    );
    expect(rows[0].datallowconn).toBe(true);
    expect(rows[0].datacl).not.toMatch(/[{,]=/);
  });
});
