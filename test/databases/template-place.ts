import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { clientConfig } from '../../src/databases/client-config.ts';
import { createClosedDatabase } from '../../src/databases/create-database.ts';
import { newNamePart } from '../../src/databases/database-name.ts';
import type { DatabaseServer, NeutralRoles } from '../../src/databases/database-server.ts';
import { dropTenantDatabase } from '../../src/databases/drop-database.ts';
import { ensureNeutralRoles } from '../../src/databases/neutral-roles.ts';
import { findPgTools } from '../../src/databases/pg-tools.ts';
import type { PgTools } from '../../src/databases/pg-tools-contract.ts';
import { sealDatabase } from '../../src/databases/seal-database.ts';
import { openServerSession } from '../../src/databases/server-session.ts';
import { buildTemplate, type TemplateSource } from '../../src/databases/template-build.ts';
import type { BuiltTemplate } from '../../src/databases/template-contract.ts';
import { discardTemplate } from '../../src/databases/template-database.ts';
import { createTenantRoles } from '../../src/databases/tenant-roles.ts';
import { plainly } from '../../src/provisioning/failpoints.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { newTenant, type Tenant } from './tenant-server.ts';

export type TemplatePlace = Awaited<ReturnType<typeof openTemplatePlace>>;

/** pg_dump and pg_restore of this machine, or null: the project must be testable without them. */
export async function findTestTools(): Promise<PgTools | null> {
  const { major, binDir } = sharedPostgres();
  const searchPath = process.env.PATH ?? '';
  try {
    return await findPgTools({ serverMajor: major, serverBinDir: binDir, searchPath });
  } catch (error) {
    console.log(`tests with pg_dump are skipped: ${error instanceof Error ? error.message : error}`);
    return null;
  }
}

/** The run's server with neutral roles of this file, and everything that the file makes on it. */
export async function openTemplatePlace() {
  const { host, port, admin, major } = sharedPostgres();
  const server: DatabaseServer = { id: 'test-server', host, port, tls: { mode: 'disable' }, admin };
  const session = await openServerSession(server, { applicationName: 'test', statementTimeoutMs: 60_000 });
  const id = newNamePart();
  const neutral: NeutralRoles = { owner: `tm_owner_${id}`, application: `tm_app_${id}` };
  await ensureNeutralRoles(session, neutral);
  const folder = await mkdtemp(join(tmpdir(), 'tenant-manager-test-'));
  const databases: string[] = [];
  const templates: { template: string; builderRole: string }[] = [];
  const tenants: Tenant[] = [];

  async function connect(database: string, login = admin): Promise<pg.Client> {
    const client = new pg.Client(
      clientConfig({ address: server, database, ...login, applicationName: 'test' }),
    );
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  async function query(database: string, sql: string, login = admin): Promise<pg.QueryResult> {
    const client = await connect(database, login);
    return client.query(sql).finally(() => client.end());
  }

  /** A source database made by a script that runs as superuser. */
  async function makeSource(sql: string): Promise<string> {
    const name = `src_${newNamePart()}`;
    await session.run(`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
    databases.push(name);
    await query(name, sql);
    return name;
  }

  function newTemplateNames() {
    const part = newNamePart();
    const names = { template: `tm_template_${part}`, builderRole: `tm_builder_${part}` };
    templates.push(names);
    return names;
  }

  type Options = { names?: ReturnType<typeof newTemplateNames>; dataTables?: string[]; signal?: AbortSignal };

  async function build(
    source: TemplateSource,
    { names = newTemplateNames(), dataTables = [], signal = AbortSignal.timeout(50_000) }: Options = {},
  ): Promise<BuiltTemplate & { names: typeof names }> {
    const log = { info: () => undefined, warn: () => undefined };
    const build = { server, session, source, names, neutral, dataTables, signal, around: plainly, log };
    const built = await buildTemplate(build);
    return { ...built, names };
  }

  /** A sealed tenant of the template. */
  async function makeTenant(template: string): Promise<Tenant> {
    const tenant = newTenant();
    tenants.push(tenant);
    await createTenantRoles(session, { ...tenant, neutral, applicationConnectionLimit: 10 });
    await createClosedDatabase(session, { database: tenant.names.database, template });
    await sealDatabase(session, { names: tenant.names, neutral });
    return tenant;
  }

  const asMigrator = ({ names, passwords }: Tenant) =>
    connect(names.database, { user: names.migratorRole, password: passwords.migrator });
  const asApplication = ({ names, passwords }: Tenant) =>
    connect(names.database, { user: names.applicationRole, password: passwords.application });

  /** An executable shell script that stands in for a program. */
  async function makeShim(name: string, script: string): Promise<string> {
    const path = join(await mkdtemp(join(folder, 'bin-')), name);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    return path;
  }

  /** Databases and roles whose names begin with one of the prefixes. */
  async function listObjects(names: { template: string; builderRole: string }): Promise<string[]> {
    const rows = await session.rows<{ name: string }>(
      `SELECT datname::text AS name FROM pg_database WHERE datname = $1
       UNION ALL SELECT rolname::text FROM pg_roles WHERE rolname = $2`,
      [names.template, names.builderRole],
    );
    return rows.map(({ name }) => name);
  }

  async function close(): Promise<void> {
    for (const tenant of tenants) await dropTenantDatabase(session, tenant.names);
    for (const names of templates) await discardTemplate(session, names);
    for (const database of databases) await session.run(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await session.run(`DROP ROLE IF EXISTS ${neutral.owner}, ${neutral.application}`);
    await session.close();
    await rm(folder, { recursive: true, force: true });
  }

  return {
    server,
    session,
    neutral,
    major,
    folder,
    connect,
    query,
    makeSource,
    newTemplateNames,
    build,
    makeTenant,
    asMigrator,
    asApplication,
    makeShim,
    listObjects,
    close,
  };
}
