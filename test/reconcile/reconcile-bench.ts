import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import { assemblePlatform, assertKeys } from '../../src/main/assemble-platform.ts';
import { assembleReconcile } from '../../src/main/assemble-reconcile.ts';
import { assembleWorkbench } from '../../src/main/assemble-worker.ts';
import { createShutdown } from '../../src/main/shutdown.ts';
import type { Finding } from '../../src/reconcile/finding.ts';
import type { Reconcile } from '../../src/reconcile/reconcile.ts';
import { type BenchOptions, createProvisioningBench, runOn } from '../support/provisioning-bench.ts';
import { findInconsistencies } from '../support/sql-oracle.ts';

export type MadeTenant = {
  id: string;
  slug: string;
  database: string;
  migrator: string;
  application: string;
};

export type ReconcileBench = Awaited<ReturnType<typeof createReconcileBench>>;

/**
 * An installation with tenants and warm databases, of which nobody works any more: what a test plants stays until
 * the test has it repaired.
 */
export async function createReconcileBench(tenants: number, warm: number, options: BenchOptions = {}) {
  const environment = { WARM_POOL_SIZE: String(warm), ...options.environment };
  const bench = await createProvisioningBench({ ...options, environment });
  const { server, registryName } = bench;
  const ask = <Row>(statement: string) =>
    runOn(server, registryName, statement).then(({ rows }) => rows as Row[]);
  await bench.assembly.firstLook;
  await Promise.all(Array.from({ length: tenants }, (_, at) => bench.request(`Tenant ${at}`)));
  const made = () =>
    ask<MadeTenant>(`SELECT id, slug, database_name AS database, migrator_role AS migrator, application_role AS application
      FROM tenant_registry WHERE status = 'active' ORDER BY slug`);
  const isReady = async () => {
    const [pool] = await ask<{ ready: number }>(
      "SELECT count(*)::int AS ready FROM warm_databases WHERE status = 'ready'",
    );
    return { tenants: (await made()).length, warm: pool?.ready };
  };
  await vi.waitFor(async () => expect(await isReady()).toEqual({ tenants, warm }), {
    timeout: 60_000,
    interval: 200,
  });
  await bench.stop();
  const opened = await openReconcile(bench.environment);
  return {
    ...opened,
    server,
    registryName,
    prefix: bench.config.TENANT_DB_PREFIX,
    environment: bench.environment,
    tenants: await made(),
    ask,
    onServer: (statement: string, database = 'postgres') => runOn(server, database, statement),
    askOracle: () =>
      findInconsistencies(server, {
        registry: registryName,
        databasePrefix: bench.config.TENANT_DB_PREFIX,
      }),
    digest: () => digest(ask, (statement) => runOn(server, 'postgres', statement), opened.installationId),
  };
}

/**
 * What a worker has for reconciling, and nothing that works by itself.
 * @param beforeServer called before each time that a server is turned to
 */
export async function openReconcile(
  environment: Record<string, string>,
  beforeServer: () => Promise<void> = async () => undefined,
) {
  const { config } = loadConfig(environment, 'worker');
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => lines.push(line) });
  const shutdown = createShutdown(log);
  const parts = { config, log, shutdown };
  const platform = await assemblePlatform(parts);
  const { installationId, worker } = await assertKeys(
    platform.registry,
    config,
    platform.masterSeal.keyCheck,
  );
  if (worker === undefined) throw new Error('A worker has a key.');
  const made = assembleWorkbench({ ...parts, platform, installationId, worker, embedded: undefined });
  const get = async (serverId: string) => {
    await beforeServer();
    return made.servers.get(serverId);
  };
  const workbench = { ...made, servers: { ...made.servers, get } };
  const reconcile: Reconcile = assembleReconcile(parts, { platform, workbench, installationId });
  const { signal } = new AbortController();
  return {
    reconcile,
    installationId,
    registry: platform.registry,
    lines,
    plan: (depth: 'catalog' | 'deep' = 'catalog') => reconcile.plan({ depth, signal }),
    apply: (depth: 'catalog' | 'deep' = 'catalog') => reconcile.apply({ depth, signal }),
    tend: () => reconcile.tend(signal),
    stop: () => shutdown.stop(),
  };
}

export const newDatabaseName = (prefix: string) =>
  `${prefix}${randomUUID().replaceAll('-', '').slice(0, 20)}`;

/** `kind subject`, sorted. */
export const summary = (findings: readonly Finding[]): string[] =>
  findings.map(({ kind, subject }) => `${kind} ${subject}`).sort();

type Ask = <Row>(statement: string) => Promise<Row[]>;

/** Of every row of the registry and of everything of the installation in the server's catalogs. */
async function digest(
  ask: Ask,
  onServer: (statement: string) => Promise<{ rows: unknown[] }>,
  installationId: string,
): Promise<Record<string, unknown>> {
  const tables = await ask<{ name: string }>(`
    SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT IN ('heartbeats', 'tasks')
     ORDER BY 1`);
  const registry: [string, unknown][] = [];
  for (const { name } of tables) {
    const [row] = await ask<{ md5: string }>(
      `SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM ${name} t`,
    );
    registry.push([name, row?.md5]);
  }
  const roles = await onServer(`
    SELECT r.*, ARRAY(SELECT m.roleid FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1) AS groups
      FROM pg_authid r WHERE rolname ~ '^([ma]|tm)_${installationId}_' ORDER BY rolname`);
  const databases = await onServer(`
    SELECT datname, datdba, datallowconn, datistemplate, datconnlimit, datacl::text FROM pg_database ORDER BY datname`);
  return {
    ...Object.fromEntries(registry),
    roles: roles.rows,
    databases: databases.rows.filter((row) => JSON.stringify(row).includes(installationId)),
  };
}
