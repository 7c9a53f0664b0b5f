import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import argon2 from 'argon2';
import pg from 'pg';
import { pino } from 'pino';
import { loadConfig } from '../../src/config/load-config.ts';
import { applyRegistryMigrations } from '../../src/main/apply-registry-migrations.ts';
import { assemble } from '../../src/main/assemble.ts';
import { assemblePlatform } from '../../src/main/assemble-platform.ts';
import { createShutdown } from '../../src/main/shutdown.ts';
import { createProvisioning } from '../../src/provisioning/create-provisioning.ts';
import type { Around } from '../../src/provisioning/failpoints.ts';
import type { TenantRequest } from '../../src/provisioning/tenant-request.ts';
import { dropAtTheEnd } from './left-databases.ts';
import { cloneSample, type Sample } from './sample-databases.ts';
import { type SharedPostgres, sharedPostgres } from './shared-postgres.ts';

type Server = Pick<SharedPostgres, 'host' | 'port' | 'admin'>;

export type Bench = Awaited<ReturnType<typeof createProvisioningBench>>;

export type BenchOptions = {
  /** Variables on top of those that every bench has. */
  environment?: Record<string, string>;
  server?: Server;
  /** `api`: nobody works on the runs unless the test starts a worker with `environment`. */
  role?: 'all' | 'api';
  /** For a benchmark of what comes after it. */
  hashPassword?: (password: string) => Promise<string>;
  /** What happens around every effect of this process. */
  around?: Around;
  /** Instead of each step's own. */
  deadlineMs?: number;
};

/** A registry, a source and, unless told otherwise, a worker in this process. */
export async function createProvisioningBench(options: BenchOptions = {}) {
  const { server = sharedPostgres(), role = 'all' } = options;
  const id = randomUUID().slice(0, 8);
  const [registryName, sourceName] = [`registry_${id}`, `source_${id}`];
  const tenantPrefix = `t${id}_`;
  if (options.server === undefined) dropAtTheEnd({ registryName, sourceName, tenantPrefix });
  await makeRegistry(options.server, registryName);
  await makeSource(options.server, sourceName);
  const environment = {
    ...environmentOf(server, registryName),
    SOURCE_DATABASE_NAME: sourceName,
    TENANT_DB_PREFIX: tenantPrefix,
    WARM_POOL_SIZE: '0',
    ...options.environment,
  };
  const { config } = loadConfig(environment, role);
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => lines.push(line) });
  const shutdown = createShutdown(log);
  await applyRegistryMigrations(config);
  const parts = { config, log, shutdown };
  const platform = await assemblePlatform(parts);
  const assembly = await assemble(
    {
      ...parts,
      role,
      embedded: sampleInsteadOfDump(),
      ...(options.around && { around: options.around }),
      ...(options.deadlineMs && { deadlineMs: options.deadlineMs }),
    },
    platform,
  );
  const provisioning = createProvisioning({
    registry: platform.registry,
    messages: platform.messages,
    defaultRegion: 'default',
    maxPending: 1_000,
    normalizeEmail: (email) => email.trim().toLowerCase(),
    hashPassword:
      options.hashPassword ?? ((password) => argon2.hash(password, { memoryCost: 1_024, timeCost: 2 })),
    verifyPassword: (hash, password) => argon2.verify(hash, password),
    bindIdempotency: async () => null,
    afterCommit: assembly.kick,
    now: () => new Date(),
  });
  return {
    environment,
    config,
    platform,
    assembly,
    provisioning,
    server,
    registryName,
    sourceName,
    lines,
    log,
    request: (name: string, request: Partial<TenantRequest> = {}) =>
      provisioning.requestTenant({
        organizationName: name,
        plan: 'free',
        owner: { email: `${randomUUID()}@example.com`, password: 'Test123!' },
        actor: { kind: 'anonymous', id: null },
        requestId: 'test',
        ...request,
      }),
    runOn: (database: string, statement: string) => runOn(server, database, statement),
    stop: () => shutdown.stop(),
  };
}

/** The sample CRM: on the run's server unless told otherwise. */
export async function makeSource(server: Server | undefined, name: string): Promise<void> {
  if (server === undefined) return cloneSample(sampleSource, name);
  await runOn(server, 'postgres', `CREATE DATABASE ${name}`);
  await runOn(server, name, await readSample());
}

/** Migrated already on the run's server; on another one that is left to whoever uses it. */
async function makeRegistry(server: Server | undefined, name: string): Promise<void> {
  if (server !== undefined) {
    await runOn(server, 'postgres', `CREATE DATABASE ${name}`);
    return;
  }
  await cloneSample(migratedRegistry, name);
  await runOn(sharedPostgres(), name, newInstallation);
}

/** As the first migration gives it: clones must not take themselves for one installation. */
const newInstallation =
  "UPDATE installation SET installation_id = substr(replace(gen_random_uuid()::text, '-', ''), 1, 6)";

const readSample = () => readFile('samples/crm.sql', 'utf8');

const sampleSource: Sample = {
  name: 'sample_source',
  fill: async (database) => runOn(sharedPostgres(), database, await readSample()),
};

/** Before its first start: no key has been noted in it, no server and no template. */
const migratedRegistry: Sample = {
  name: 'sample_registry',
  fill: (database) =>
    applyRegistryMigrations(loadConfig(environmentOf(sharedPostgres(), database), 'api').config),
};

/**
 * On another major than this machine's own (`test/majors`) there may be no pg_dump that can read the server; the
 * template is then made from the sample's script, as the embedded mode does it. Elsewhere a dump is demanded.
 */
function sampleInsteadOfDump() {
  const binDir = process.env.TEST_POSTGRES_BIN_DIR;
  return binDir === undefined ? undefined : { binDir, samplePath: 'samples/crm.sql', secretsFile: undefined };
}

export function environmentOf({ host, port, admin }: Server, registryName: string): Record<string, string> {
  return {
    NODE_ENV: 'test',
    // All callers of a test have one address.
    ENABLE_RATE_LIMITING: 'false',
    GLOBAL_DATABASE_URL: `postgresql://${admin.user}:${encodeURIComponent(admin.password)}@${host}:${port}/${registryName}`,
    POSTGRES_HOST: host,
    POSTGRES_PORT: String(port),
    POSTGRES_ADMIN_USER: admin.user,
    POSTGRES_ADMIN_PASSWORD: admin.password,
    JWT_SECRET: 'a-jwt-secret-that-is-only-for-these-tests-0123456789',
    SUPER_ADMIN_KEY: 'an-admin-key-that-is-only-for-these-tests-0123456789',
  };
}

export async function runOn(
  { host, port, admin }: Server,
  database: string,
  statement: string,
): Promise<pg.QueryResult> {
  const client = new pg.Client({ host, port, ...admin, database });
  await client.connect();
  try {
    return await client.query(statement);
  } finally {
    await client.end();
  }
}
