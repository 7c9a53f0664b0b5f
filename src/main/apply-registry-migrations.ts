import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load-config.ts';
import { registryConnection } from '../config/registry-connection.ts';
import { migrateQueue } from '../queue/migrate-queue.ts';
import { createRegistryMigrator, grantToRuntime, type MigrationState } from '../registry/migrate-registry.ts';
import { openRegistry, type RegistryDatabase } from '../registry/registry-database.ts';

/** Found from here, beside the sources as well as beside what the build makes of them. */
const projectRoot = new URL(import.meta.url.endsWith('.ts') ? '../../' : '../../../', import.meta.url);
export const packageFile = fileURLToPath(new URL('package.json', projectRoot));
export const samplePath = fileURLToPath(new URL('samples/crm.sql', projectRoot));
const migrationsFolder = fileURLToPath(new URL('migrations/registry', projectRoot));

/** A migration may rewrite a large table, or wait for another process that migrates. */
const migrationTimeoutMs = 3_600_000;

/** Every registry migration, applied or pending. */
export async function readMigrationStatus(database: RegistryDatabase): Promise<MigrationState[]> {
  return createRegistryMigrator(database, migrationsFolder).status();
}

/**
 * Applies registry and queue migrations with the migrating login, and lets the runtime login use the result
 * when it is another one. @returns the names of what was applied.
 */
export async function applyRegistryMigrations(config: Config): Promise<string[]> {
  const { poolTimeoutMs, poolMax: _, ...login } = registryConnection(config.GLOBAL_DATABASE_MIGRATION_URL);
  const runtimeUser = registryConnection(config.GLOBAL_DATABASE_URL).user;
  const separate = runtimeUser === login.user ? undefined : runtimeUser;
  const broken: Error[] = [];
  const database = openRegistry({
    login,
    applicationName: 'tenant-manager migrations',
    poolMax: 2,
    poolTimeoutMs,
    statementTimeoutMs: migrationTimeoutMs,
    onConnectionError: (error) => broken.push(error),
  });
  try {
    // Whoever starts next looks at the registry alone: what broke off before it was migrated is made up for.
    await migrateQueue(login, separate);
    const applied = await createRegistryMigrator(database, migrationsFolder).apply();
    if (separate !== undefined) await grantToRuntime(database, separate);
    return applied;
  } finally {
    await database.destroy();
  }
}
