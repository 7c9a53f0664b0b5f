import { sql } from 'kysely';
import { afterAll, describe, expect, it } from 'vitest';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

let bench: Bench;
afterAll(async () => {
  await bench.stop();
  const { server, registryName: registry, config } = bench;
  expect(await findInconsistencies(server, { registry, databasePrefix: config.TENANT_DB_PREFIX })).toEqual(
    [],
  );
});

describe('a tenant that is taken back half way and made on another server', () => {
  it('is cloned from a copy of that server, and the first one’s copy stays', async () => {
    let isMoved = false;
    const cloned: unknown[] = [];
    bench = await createProvisioningBench({
      around: async (point, effect) => {
        if (point === 'verify-database' && !isMoved) {
          throw Object.assign(new Error('wrong'), { code: '42601', severity: 'ERROR' });
        }
        if (point === 'undo prepare-template' && !isMoved) {
          isMoved = true;
          await moveOn();
          throw new Error('the worker dies here');
        }
        if (point === 'create-database') cloned.push(await placeOfCopy());
        return effect();
      },
    });
    const { runId } = await bench.request('Moved On');
    expect(await bench.provisioning.waitForRun(runId, 60_000)).toMatchObject({ status: 'completed' });
    expect(cloned).toEqual([
      { tenant: 'default', copy: 'default' },
      { tenant: 'second', copy: 'second' },
    ]);
    const { rows } = await inRegistry(
      'SELECT server.name, copy.status FROM template_copies copy JOIN database_servers server ON server.id = copy.server_id ORDER BY 1',
    );
    expect(rows).toEqual([
      { name: 'default', status: 'ready' },
      { name: 'second', status: 'ready' },
    ]);
  });
});

const inRegistry = (statement: string) => bench.runOn(bench.registryName, statement);

/** The first server takes nobody any more; there is another, which stands at the same address. */
async function moveOn(): Promise<void> {
  await sql`
    INSERT INTO database_servers (id, name, host, port, region, tls)
    SELECT gen_random_uuid(), 'second', CASE host WHEN '127.0.0.1' THEN 'localhost' ELSE '127.0.0.1' END, port, region, tls
      FROM database_servers`.execute(bench.platform.registry);
  await inRegistry(`UPDATE database_servers SET status = 'draining' WHERE name <> 'second'`);
}

async function placeOfCopy() {
  const { rows } = await inRegistry(`
    SELECT server.name AS tenant, place.name AS copy
      FROM tenant_registry tenant
      JOIN database_servers server ON server.id = tenant.server_id
      JOIN template_copies copy ON copy.id = tenant.template_copy_id
      JOIN database_servers place ON place.id = copy.server_id`);
  return rows[0];
}
