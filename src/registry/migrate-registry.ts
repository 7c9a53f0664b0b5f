import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Migration, type MigrationProvider, Migrator, sql } from 'kysely';
import type { RegistryDatabase } from './registry-database.ts';

export type MigrationState = { name: string; appliedAt: Date | null };

/** Registry migrations: numbered SQL files, forward only, each in the transaction of the run. */
export function createRegistryMigrator(database: RegistryDatabase, folder: string) {
  const migrator = new Migrator({ db: database, provider: sqlFiles(folder) });

  return {
    /** Every migration in order, with the time it was applied. */
    async status(): Promise<MigrationState[]> {
      const migrations = await migrator.getMigrations();
      return migrations.map(({ name, executedAt }) => ({ name, appliedAt: executedAt ?? null }));
    },

    /**
     * Applies what is pending. Several processes may call it at once: kysely's lock lets one work.
     * @throws the error of the migration that failed; nothing of it stays.
     */
    async apply(): Promise<string[]> {
      const { error, results = [] } = await migrator.migrateToLatest();
      if (error !== undefined) throw error;
      return results.map((result) => result.migrationName);
    },
  };
}

/**
 * Lets the runtime login use what the migrating login owns. The audit log can only be read and added to.
 */
export async function grantToRuntime(database: RegistryDatabase, role: string): Promise<void> {
  const to = sql.id(role);
  await sql`GRANT USAGE ON SCHEMA public TO ${to}`.execute(database);
  await sql`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${to}`.execute(database);
  await sql`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO ${to}`.execute(database);
  await sql`REVOKE UPDATE, DELETE ON audit_log, audit_chain FROM ${to}`.execute(database);
}

function sqlFiles(folder: string): MigrationProvider {
  return {
    async getMigrations() {
      const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
      const entries = files.map((file): [string, Migration] => [
        file.replace(/\.sql$/, ''),
        runFile(join(folder, file)),
      ]);
      return Object.fromEntries(entries);
    },
  };
}

function runFile(path: string): Migration {
  return {
    async up(database) {
      await sql.raw(await readFile(path, 'utf8')).execute(database);
    },
  };
}
