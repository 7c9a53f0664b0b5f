import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { createRegistryMigrator } from '../../src/registry/migrate-registry.ts';
import {
  openRegistry,
  type RegistryDatabase,
  type RegistryLogin,
} from '../../src/registry/registry-database.ts';
import { sharedPostgres } from './shared-postgres.ts';

export type TestRegistry = {
  database: RegistryDatabase;
  login: RegistryLogin;
  url: string;
  drop(): Promise<void>;
};

/** A migrated registry of its own, in the shared test server. */
export async function createTestRegistry(): Promise<TestRegistry> {
  const { host, port, admin } = sharedPostgres();
  const name = `registry_${randomUUID().slice(0, 8)}`;
  const server = { host, port, user: admin.user, password: admin.password };
  await runOn({ ...server, database: 'postgres' }, `CREATE DATABASE ${name}`);
  const login: RegistryLogin = { ...server, database: name, ssl: false };
  const database = openRegistry({
    login,
    applicationName: 'test',
    poolMax: 10,
    poolTimeoutMs: 10_000,
    onConnectionError: (error) => {
      throw error;
    },
  });
  await createRegistryMigrator(database, 'migrations/registry').apply();
  return {
    database,
    login,
    url: `postgresql://${admin.user}:${encodeURIComponent(admin.password)}@${host}:${port}/${name}`,
    async drop() {
      await database.destroy();
      await runOn({ ...server, database: 'postgres' }, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

async function runOn(config: pg.ClientConfig, statement: string): Promise<void> {
  const client = new pg.Client(config);
  await client.connect();
  await client.query(statement);
  await client.end();
}
