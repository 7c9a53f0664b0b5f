import { join, resolve } from 'node:path';
import { settings } from '../config/config.ts';
import { type Config, loadConfig, namesRegistry } from '../config/load-config.ts';
import { type Environment, readEnvironment } from '../config/read-environment.ts';
import type { ProcessRole } from '../config/resolve-settings.ts';
import { type EmbeddedOptions, type EmbeddedPostgres, startEmbedded } from '../embedded/start-embedded.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { samplePath } from './apply-registry-migrations.ts';
import type { Embedded } from './assemble-worker.ts';
import type { Shutdown } from './shutdown.ts';

export type Launch = { config: Config; log: Logger; embedded: Embedded | undefined };

/** A fast stop writes what is in memory. What takes longer goes on without this process. */
const embeddedStopMs = 10_000;

/** The logger before the configuration is known. */
export function firstLogger(role: ProcessRole): Logger {
  // A level that is none is reported with all other problems.
  const asked = settings.LOG_LEVEL.parse.safeParse(readEnvironment().LOG_LEVEL ?? settings.LOG_LEVEL.default);
  const level = asked.data ?? settings.LOG_LEVEL.default;
  return createLogger({ level, service: role, readable: process.stdout.isTTY });
}

/**
 * The configuration of this process. When it names no registry, `all` starts the embedded PostgreSQL, which
 * says what the environment left open; what the environment says itself wins.
 * @throws configuration_invalid, embedded_postgres_failed
 */
export async function launch({
  role,
  log,
  shutdown,
}: {
  role: ProcessRole;
  log: Logger;
  shutdown: Shutdown;
}): Promise<Launch> {
  const environment = readEnvironment();
  const embedded =
    role === 'all' && !namesRegistry(environment)
      ? await launchEmbedded(environment, log, shutdown)
      : undefined;
  const { config, notices } = loadConfig({ ...embedded?.environment, ...environment }, role);
  for (const notice of notices) log.warn(notice);
  return { config, log, embedded };
}

async function launchEmbedded(environment: Environment, log: Logger, shutdown: Shutdown) {
  // A first look, so that what is wrong with the rest is said before a server is set up.
  const { config } = loadConfig(
    { JWT_SECRET: 'only for this first look at the rest of it', ...environment },
    'cli',
  );
  const started = await startStoppable(shutdown, {
    dataDir: resolve(config.EMBEDDED_DATA_DIR),
    log,
    samplePath,
    binDir: config.EMBEDDED_PG_BIN,
  });
  const hasOwnKey = config.SUPER_ADMIN_KEY !== undefined;
  const secretsFile = hasOwnKey ? undefined : join(config.EMBEDDED_DATA_DIR, 'secrets.json');
  return { environment: started.environment, binDir: started.binDir, samplePath, secretsFile };
}

/** Registered before the server is there: a signal may come while it starts, and it outlives this process. */
async function startStoppable(shutdown: Shutdown, options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  let starting: Promise<EmbeddedPostgres> | undefined;
  shutdown.onStopAtLast('embedded PostgreSQL', embeddedStopMs, async () => {
    const started = await starting?.catch(() => undefined);
    await started?.stop();
  });
  starting = startEmbedded(options);
  return starting;
}
