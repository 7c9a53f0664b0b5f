import { execFileSync } from 'node:child_process';
import { createRegistryMigrator } from '../src/registry/migrate-registry.ts';
import { openRegistry } from '../src/registry/registry-database.ts';
import { startTestPostgres } from '../test/support/postgres-server.ts';
import { registryTypesArguments } from './registry-types-arguments.ts';

/** Writes src/registry/tables.generated.ts from what the migrations make in a throw-away server. */
const server = await startTestPostgres();
try {
  const { host, port, admin } = server;
  const database = openRegistry({
    login: { host, port, ...admin, database: 'postgres', ssl: false },
    applicationName: 'registry types',
    poolMax: 2,
    poolTimeoutMs: 5_000,
    onConnectionError: (error) => console.error(error.message),
  });
  await createRegistryMigrator(database, 'migrations/registry').apply();
  await database.destroy();
  const url = `postgresql://${admin.user}:${encodeURIComponent(admin.password)}@${host}:${port}/postgres`;
  execFileSync('npx', ['kysely-codegen', ...registryTypesArguments(url)], { stdio: 'inherit' });
} finally {
  await server.stop();
}
