import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { ServerAddress } from '../../src/databases/database-server.ts';
import { createMasterSeal } from '../../src/registry/master-seal.ts';
import { publish } from '../../src/registry/messages.ts';
import type { TenantStatus } from '../../src/registry/tables.generated.ts';
import { sharedPostgres } from './shared-postgres.ts';
import { createTestRegistry } from './test-registry.ts';

export type TestTenant = {
  id: string;
  slug: string;
  databaseId: string;
  database: string;
  role: string;
  password: string;
};

export type TestPlace = { host: string; port: number; admin: { user: string; password: string } };

export type TenantPlace = Awaited<ReturnType<typeof createTenantPlace>>;

/** A registry with one database server, and tenants made by hand with plain SQL. */
export async function createTenantPlace(place: TestPlace = sharedPostgres()) {
  const registry = await createTestRegistry();
  const masterSeal = createMasterSeal('a master key for tests, long enough to be one');
  const server: ServerAddress = {
    id: randomUUID(),
    host: place.host,
    port: place.port,
    tls: { mode: 'disable' },
  };
  const { database } = registry;
  const tenants: TestTenant[] = [];
  await database
    .insertInto('databaseServers')
    .values({ id: server.id, name: 'test', host: place.host, port: place.port, tls: { mode: 'disable' } })
    .execute();
  const asAdmin = await openAs(place.admin, 'postgres');

  async function openAs(login: { user: string; password: string }, name: string): Promise<pg.Client> {
    const client = new pg.Client({ host: place.host, port: place.port, database: name, ...login });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** Runs SQL in a tenant's database as the superuser: only for databases made by this file. */
  async function inDatabase(name: string, sql: string): Promise<pg.QueryResult> {
    const client = await openAs(place.admin, name);
    return client.query(sql).finally(() => client.end());
  }

  async function makeTenant(schema = '', options: { connectionLimit?: number } = {}): Promise<TestTenant> {
    const part = randomBytes(6).toString('hex');
    const tenant: TestTenant = {
      id: randomUUID(),
      slug: `tenant-${part}`,
      databaseId: randomUUID(),
      database: `td_${part}`,
      role: `a_${part}`,
      password: randomBytes(12).toString('hex'),
    };
    tenants.push(tenant);
    const limit = options.connectionLimit ?? 20;
    await asAdmin.query(
      `CREATE ROLE ${tenant.role} LOGIN PASSWORD '${tenant.password}' CONNECTION LIMIT ${limit}`,
    );
    await asAdmin.query(`CREATE DATABASE ${tenant.database}`);
    const grants = `GRANT USAGE ON SCHEMA public TO ${tenant.role};
      ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${tenant.role};
      ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO ${tenant.role};`;
    await inDatabase(tenant.database, `${grants}${schema.replaceAll('{{role}}', tenant.role)}`);
    await registerTenant(tenant);
    return tenant;
  }

  const sealPassword = (tenant: TestTenant, sealedDataKey: string, password: string) =>
    masterSeal.sealWithDataKey(sealedDataKey, password, {
      owner: tenant.databaseId,
      column: 'application_password',
    });

  /** In the registry, untold; the server is not asked. */
  async function changePassword(tenant: TestTenant, password: string): Promise<void> {
    const sealedDataKey = masterSeal.newDataKey(tenant.databaseId);
    const sealedApplicationPassword = sealPassword(tenant, sealedDataKey, password);
    await database
      .updateTable('tenantRegistry')
      .set({ sealedDataKey, sealedApplicationPassword })
      .where('id', '=', tenant.id)
      .execute();
  }

  async function registerTenant(tenant: TestTenant): Promise<void> {
    const sealedDataKey = masterSeal.newDataKey(tenant.databaseId);
    await database
      .insertInto('tenantRegistry')
      .values({
        id: tenant.id,
        slug: tenant.slug,
        name: 'Test tenant',
        status: 'active',
        plan: 'free',
        serverId: server.id,
        databaseId: tenant.databaseId,
        databaseName: tenant.database,
        applicationRole: tenant.role,
        sealedDataKey,
        sealedApplicationPassword: sealPassword(tenant, sealedDataKey, tenant.password),
      })
      .execute();
  }

  /** Changes the state, and tells it if it is to be told. */
  async function setStatus(tenant: TestTenant, status: TenantStatus, isTold = true): Promise<void> {
    await database.updateTable('tenantRegistry').set({ status }).where('id', '=', tenant.id).execute();
    if (isTold) await publish(database, { kind: 'tenant.changed', tenantId: tenant.id, slug: tenant.slug });
  }

  /** Backends of the tenants' roles, whoever opened them. */
  async function countBackends(): Promise<number> {
    const { rows } = await asAdmin.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename = ANY ($1)',
      [tenants.map(({ role }) => role)],
    );
    return rows[0]?.count ?? 0;
  }

  /** A pool says that it has ended before its backends have; killing them then is an error nobody catches. */
  async function untilLeft(name: string): Promise<void> {
    const look = 'SELECT 1 FROM pg_stat_activity WHERE datname = $1';
    while ((await asAdmin.query(look, [name])).rowCount !== 0) await sleep(10);
  }

  async function drop(): Promise<void> {
    for (const tenant of tenants) {
      await asAdmin.query(`DROP DATABASE IF EXISTS ${tenant.database} WITH (FORCE)`);
      await asAdmin.query(`DROP ROLE IF EXISTS ${tenant.role}`);
    }
    await database.destroy();
    await untilLeft(registry.login.database);
    await asAdmin.end();
    await registry.drop();
  }

  return {
    registry,
    masterSeal,
    server,
    asAdmin,
    inDatabase,
    makeTenant,
    setStatus,
    changePassword,
    countBackends,
    drop,
  };
}
