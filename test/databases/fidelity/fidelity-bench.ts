import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, vi } from 'vitest';
import { applicationColumn } from '../../../src/provisioning/credentials.ts';
import type { Tenant } from '../../../src/registry/repositories/tenants.ts';
import type { ProvisioningWay } from '../../../src/registry/tables.generated.ts';
import { createProvisioningBench, runOn } from '../../support/provisioning-bench.ts';
import { sharedPostgres } from '../../support/shared-postgres.ts';
import { type DatabaseFacts, factDifferences } from './database-facts.ts';
import { databaseFacts, makeRoundTrip } from './round-trip.ts';

/**
 * How a tenant comes by its database: by the first run, which builds the template; by one that clones it; or by
 * claiming one that was kept warm.
 */
export const ways = ['build', 'clone', 'warm'] as const satisfies readonly ProvisioningWay[];
export type Way = (typeof ways)[number];

export type FidelitySource = {
  /** Statements that make the source, each text in a transaction of its own, as superuser. */
  readonly script: readonly string[];
  /** SOURCE_DATA_TABLES. */
  readonly dataTables?: string;
  /** What the data tables hold rows and positions in, as `public country`. */
  readonly carried?: readonly string[];
  /** For ALTER DATABASE … SET. */
  readonly settings?: readonly string[];
};

export type FidelityBench = Awaited<ReturnType<typeof openFidelityBench>>;

/** Enough for the first build of a thousand tables on a busy machine. */
const RUN_LIMIT_MS = 90_000;

/**
 * Tenants that the whole provisioning made of one source, one for each way, and the round trip to compare them
 * with. The source appears only after the platform has begun, so that the first run is the one that builds.
 */
export async function openFidelityBench(pgDump: string, source: FidelitySource) {
  const server = sharedPostgres();
  const id = randomUUID().slice(0, 8);
  const [sourceName, reference] = [`fidelity_${id}`, `reference_${id}`];
  const bench = await createProvisioningBench({
    environment: {
      SOURCE_DATABASE_NAME: sourceName,
      SOURCE_DATA_TABLES: source.dataTables ?? '',
      PG_DUMP: pgDump,
      // The tests say themselves when a template is built.
      TEMPLATE_REFRESH_SCHEDULE: '0 0 1 1 *',
      WARM_POOL_SIZE: '1',
    },
  });
  const { registry } = bench.platform;
  const tenants = new Map<Way, Tenant>();
  const differences = new Map<Way, string[]>();

  async function makeSource(): Promise<void> {
    for (const name of [sourceName, reference]) {
      await runOn(server, 'postgres', `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
      for (const clause of source.settings ?? [])
        await runOn(server, 'postgres', `ALTER DATABASE ${name} SET ${clause}`);
    }
    for (const statements of source.script) await runOn(server, sourceName, statements);
  }

  /** The second of two at once finds the pool of one empty. */
  async function makeTenants(): Promise<void> {
    await makeTenant();
    await vi.waitFor(async () => expect(await readPool()).toEqual([{ status: 'ready' }]), {
      timeout: RUN_LIMIT_MS,
    });
    await Promise.all([makeTenant(), makeTenant()]);
    expect([...tenants.keys()].sort()).toEqual([...ways]);
  }

  async function makeTenant(): Promise<void> {
    const asked = await bench.request('Faithful');
    const progress = await bench.provisioning.waitForRun(asked.runId, RUN_LIMIT_MS);
    if (progress?.status !== 'completed') {
      const told = bench.lines.filter((line) => line.includes('"err"')).at(-1);
      throw new Error(`A tenant was not made: ${JSON.stringify(progress)}; ${told}`);
    }
    const tenant = await registry
      .selectFrom('tenantRegistry')
      .selectAll()
      .where('id', '=', asked.tenantId)
      .executeTakeFirstOrThrow();
    tenants.set(await readWay(asked.runId), tenant);
  }

  const readPool = () => registry.selectFrom('warmDatabases').select('status').execute();

  async function readWay(runId: string): Promise<Way> {
    const { way } = await registry
      .selectFrom('provisioningRuns')
      .select('way')
      .where('id', '=', runId)
      .executeTakeFirstOrThrow();
    if (way === null) throw new Error('A run does not say which way it went.');
    return way;
  }

  function tenantOf(way: Way): Tenant & { databaseName: string } {
    const { databaseName, ...tenant } = tenants.get(way) ?? {};
    if (typeof databaseName !== 'string') throw new Error(`There is no tenant by ${way}.`);
    return { ...(tenant as Tenant), databaseName };
  }

  /** A login as the role that requests use, with the password that the registry keeps for them. */
  async function asApplication(way: Way): Promise<pg.Client> {
    const { databaseId, databaseName, applicationRole, sealedDataKey, sealedApplicationPassword } =
      tenantOf(way);
    const password = bench.platform.masterSeal.unsealWithDataKey(
      sealedDataKey ?? '',
      sealedApplicationPassword ?? '',
      { owner: databaseId ?? '', column: applicationColumn },
    );
    const { host, port } = server;
    const client = new pg.Client({
      host,
      port,
      database: databaseName,
      user: applicationRole ?? '',
      password,
    });
    await client.connect();
    return client;
  }

  async function notCarried(): Promise<string[]> {
    const [version] = await registry.selectFrom('templateVersions').select('notCarried').execute();
    const found = version?.notCarried as { kind: string; name: string }[];
    return found.map(({ kind, name }) => `${kind}: ${name}`).sort();
  }

  async function stop(): Promise<void> {
    const templates = await registry.selectFrom('templateCopies').select('databaseName').execute();
    await bench.stop();
    // Asked only now: the keeper has stopped.
    const warm = await runOn(server, bench.registryName, 'SELECT database_name FROM warm_databases');
    for (const { databaseName } of templates) {
      await runOn(server, 'postgres', `ALTER DATABASE ${databaseName} IS_TEMPLATE false`);
      await runOn(server, 'postgres', `DROP DATABASE ${databaseName}`);
    }
    const made = [...tenants.values()].flatMap(({ databaseName }) => databaseName ?? []);
    made.push(...warm.rows.map((row: { database_name: string }) => row.database_name));
    for (const name of [sourceName, reference, ...made])
      await runOn(server, 'postgres', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }

  /** The versions of extensions are in no dump; tenants have those of the source. */
  async function expectedFacts(): Promise<DatabaseFacts> {
    const facts = new Map(await databaseFacts(pgDump, server, reference));
    for (const [fact, value] of await databaseFacts(pgDump, server, sourceName)) {
      if (fact.startsWith('extension ')) facts.set(fact, value);
    }
    return facts;
  }

  async function prepare(): Promise<DatabaseFacts> {
    await makeSource();
    const carried = source.carried ?? [];
    await makeRoundTrip({ pgDump, login: server, from: sourceName, into: reference, carried });
    await makeTenants();
    const facts = await expectedFacts();
    // At once, since the tests leave their rows.
    for (const way of ways) {
      const found = await databaseFacts(pgDump, server, tenantOf(way).databaseName);
      differences.set(way, factDifferences(facts, found));
    }
    return facts;
  }

  const expected = await prepare().catch(async (error: unknown) => {
    await stop();
    throw error;
  });

  return {
    /** In what the tenant differs from the round trip. */
    differences: (way: Way) => differences.get(way),
    expected,
    inTenant: (way: Way, sql: string) => runOn(server, tenantOf(way).databaseName, sql),
    asApplication,
    notCarried,
    stop,
  };
}
