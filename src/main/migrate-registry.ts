import type { Config } from '../config/load-config.ts';
import { registryConnection } from '../config/registry-connection.ts';
import type { MigrationState } from '../registry/migrate-registry.ts';
import { openRegistry } from '../registry/registry-database.ts';
import { applyRegistryMigrations, readMigrationStatus } from './apply-registry-migrations.ts';
import { configurationForCommand } from './configured-elsewhere.ts';
import { explain } from './process-life.ts';
import { registryFailure } from './ready-registry.ts';

const usage = `Usage: npm run migrate:global              apply pending registry migrations
       npm run migrate:global -- status    list each as applied or pending`;

async function main([command, ...rest]: string[]): Promise<number> {
  if (rest.length > 0 || (command !== undefined && command !== 'status')) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const config = await configurationForCommand();
  const before = await status(config);
  if (command === 'status') return showStatus(before);
  const applied = await applyRegistryMigrations(config);
  for (const name of applied) process.stdout.write(`applied  ${name}\n`);
  process.stdout.write(applied.length === 0 ? 'Nothing to do: the registry is up to date.\n' : '');
  return 0;
}

async function status(config: Config): Promise<MigrationState[]> {
  const { poolTimeoutMs, poolMax: _, ...login } = registryConnection(config.GLOBAL_DATABASE_MIGRATION_URL);
  const database = openRegistry({
    login,
    applicationName: 'tenant-manager migrations',
    poolMax: 1,
    poolTimeoutMs,
    onConnectionError: explain,
  });
  try {
    return await readMigrationStatus(database);
  } catch (error) {
    throw registryFailure(error, login.database);
  } finally {
    await database.destroy();
  }
}

/** @returns 1 when something is pending, so that scripts can ask. */
function showStatus(migrations: readonly MigrationState[]): number {
  for (const { name, appliedAt } of migrations) {
    process.stdout.write(
      appliedAt === null ? `pending  ${name}\n` : `applied  ${name}  ${appliedAt.toISOString()}\n`,
    );
  }
  return migrations.some(({ appliedAt }) => appliedAt === null) ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  explain(error);
  return 1;
});
