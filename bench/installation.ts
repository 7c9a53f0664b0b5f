import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { settings } from '../src/config/config.ts';
import type { Fingerprint, NeutralRoles } from '../src/databases/database-server.ts';
import { findFreePort } from '../src/embedded/free-port.ts';
import { createNaming } from '../src/provisioning/database-names.ts';
import { startProgram } from '../test/support/programs.ts';
import { type Bench, createProvisioningBench } from '../test/support/provisioning-bench.ts';
import { type BenchServers, inDatabase } from './bench-server.ts';
import { type SchemaSize, schemaSql } from './schemas.ts';

/** Of what the warm way needs, the name; a version of the system without it has no warm databases. */
export const warmPoolVariable = 'WARM_POOL_SIZE';
export const hasWarmDatabases = warmPoolVariable in settings;

const buildWithinMs = 120_000;
const provisionWithinMs = 60_000;
const pollMs = 20;

export type InstallationOptions = { size: SchemaSize; warmPool: number };

/** A tenant that was asked for: how long it took to be active, and where its database is. */
export type Provisioned = {
  ms: number;
  status: string;
  way: string | null;
  database: string;
  /** The roles that were let into the database; PUBLIC is the empty name. */
  admitted: string[];
};

export type Installation = Awaited<ReturnType<typeof openInstallation>>;

/**
 * The request side in this process, a worker in its own, the queue in Redis. Passwords cost nothing here: what
 * hashing takes is the matter of P2.
 */
export async function openInstallation(servers: BenchServers, { size, warmPool }: InstallationOptions) {
  const { postgres, redis } = servers;
  const source = `bench_source_${randomUUID().slice(0, 8)}`;
  await inDatabase(postgres, 'postgres', (client) => client.query(`CREATE DATABASE ${source}`));
  await inDatabase(postgres, source, (client) => client.query(schemaSql(size)));
  const bench = await createProvisioningBench({
    server: postgres,
    role: 'api',
    environment: {
      SOURCE_DATABASE_NAME: source,
      REDIS_URL: redis.url,
      [warmPoolVariable]: String(warmPool),
    },
    hashPassword: async () => 'nobody logs in',
  });
  const worker = await startWorker(bench);
  const provision = () => provisionTenant(bench);
  try {
    await makeFirst(bench);
    const template = await readTemplate(bench);
    return {
      bench,
      source,
      template,
      provision,
      untilWarm: (count: number) => untilWarm(bench, count),
      stopWorker: () => worker.kill('SIGTERM'),
      async stop(): Promise<void> {
        await worker.kill('SIGTERM');
        await bench.stop();
      },
    };
  } catch (error) {
    const said = worker.output();
    await worker.kill('SIGTERM');
    await bench.stop();
    throw new Error(`The installation did not come up. Its worker said:\n${said}`, { cause: error });
  }
}

async function startWorker(bench: Bench) {
  const [port, metricsPort] = [await findFreePort(), await findFreePort()];
  return startProgram('worker', {
    ...bench.environment,
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
  });
}

/** The first tenant waits for the template, which is built once. */
async function makeFirst(bench: Bench): Promise<void> {
  const { runId } = await bench.request('First');
  const progress = await bench.provisioning.waitForRun(runId, buildWithinMs);
  if (progress?.status !== 'completed') throw new Error(`The first tenant is ${progress?.status}.`);
}

/** The clock runs from the request until the tenant is active, by the registry's word. */
async function provisionTenant(bench: Bench): Promise<Provisioned> {
  const start = performance.now();
  const { tenantId, runId } = await bench.request(`Tenant ${randomUUID()}`);
  let end = performance.now();
  if ((await readTenant(bench, tenantId)).status !== 'active') {
    await bench.provisioning.waitForRun(runId, provisionWithinMs);
    end = performance.now();
  }
  const { status, way, databaseName } = await readTenant(bench, tenantId);
  const database = databaseName ?? '';
  return { ms: end - start, status, way, database, admitted: await readAdmitted(bench, database) };
}

const readTenant = ({ platform: { registry } }: Bench, tenantId: string) =>
  registry
    .selectFrom('tenantRegistry as tenant')
    .innerJoin('provisioningRuns as run', 'run.tenantId', 'tenant.id')
    .select(['tenant.status', 'tenant.databaseName', 'run.way'])
    .where('tenant.id', '=', tenantId)
    .executeTakeFirstOrThrow();

async function readAdmitted(bench: Bench, database: string): Promise<string[]> {
  const { rows } = await bench.runOn(
    'postgres',
    `SELECT DISTINCT coalesce(r.rolname, '') AS name
       FROM pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
       LEFT JOIN pg_roles r ON r.oid = a.grantee
      WHERE d.datname = '${database}' AND a.privilege_type = 'CONNECT' ORDER BY 1`,
  );
  return rows.map(({ name }: { name: string }) => name);
}

export type TemplateFacts = { database: string; fingerprint: Fingerprint; neutral: NeutralRoles };

async function readTemplate({ platform: { registry } }: Bench): Promise<TemplateFacts> {
  const copy = await registry
    .selectFrom('templateCopies')
    .select(['databaseName', 'fingerprint'])
    .where('status', '=', 'ready')
    .executeTakeFirstOrThrow();
  const { installationId } = await registry
    .selectFrom('installation')
    .select('installationId')
    .executeTakeFirstOrThrow();
  const { neutral } = createNaming({ installationId, databasePrefix: 'bench_', style: 'opaque' });
  return { database: copy.databaseName, fingerprint: copy.fingerprint as Fingerprint, neutral };
}

async function untilWarm({ platform: { registry } }: Bench, count: number): Promise<void> {
  const deadline = Date.now() + buildWithinMs;
  for (;;) {
    const { ready } = await registry
      .selectFrom('warmDatabases')
      .select(({ fn }) => fn.countAll<number>().as('ready'))
      .where('status', '=', 'ready')
      .executeTakeFirstOrThrow();
    if (ready >= count) return;
    if (Date.now() > deadline) throw new Error(`Only ${ready} of ${count} warm databases are ready.`);
    await sleep(pollMs);
  }
}
