import { setTimeout as delay } from 'node:timers/promises';
import type { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { applyRegistryMigrations, readMigrationStatus } from './apply-registry-migrations.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';
import { isRefusedByPooler, refusePoolerOfRegistry } from './refuse-poolers.ts';

const lookEveryMs = 1_000;

/** What keeps the registry from being used, or null. */
export async function registryProblem(
  registry: RegistryDatabase,
  database: string,
): Promise<AppError | null> {
  try {
    const pending = (await readMigrationStatus(registry)).filter(
      ({ appliedAt }) => appliedAt === null,
    ).length;
    return pending === 0 ? null : errors.registryNotMigrated(pending);
  } catch (error) {
    return registryFailure(error, database);
  }
}

/** What it means that a connection to the registry failed. */
export function registryFailure(error: unknown, database: string): AppError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === '3D000') return errors.registryMissing(database).causedBy(error);
  if (code === '28P01' || code === '28000')
    return errors.registryLoginRefused((error as Error).message).causedBy(error);
  if (isRefusedByPooler(error))
    return errors.poolerInBetween('GLOBAL_DATABASE_URL', (error as Error).message);
  return errors.registryUnavailable().causedBy(error);
}

type Waiting = ProcessParts & {
  platform: Platform;
  signal: AbortSignal;
  onProblem: (problem: AppError) => Promise<void>;
};

/**
 * Returns when the registry can be used: after migrating it where that is wanted, else as soon as somebody has.
 * A registry that cannot be reached yet is waited for, since in a cluster nothing says who starts first.
 */
export async function readyRegistry({ config, log, platform, signal, onProblem }: Waiting): Promise<void> {
  let said = '';
  while (!signal.aborted) {
    const problem = await registryProblem(platform.registry, platform.login.database);
    if (problem === null) return;
    if (problem.code === 'registry_not_migrated' && config.MIGRATE_ON_START) {
      await refusePoolerOfRegistry(platform);
      const applied = await applyRegistryMigrations(config);
      log.info({ applied }, 'Registry migrated');
      continue;
    }
    // Nothing that passes: somebody has to give another address.
    if (problem.code === 'pooler_in_between') throw problem;
    await onProblem(problem);
    if (problem.code !== said) log.warn({ err: problem }, `Waiting: ${problem.message}`);
    said = problem.code;
    await delay(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}
