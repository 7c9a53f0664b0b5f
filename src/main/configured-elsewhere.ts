import { resolve } from 'node:path';
import { type Config, loadConfig, namesRegistry } from '../config/load-config.ts';
import { readEnvironment } from '../config/read-environment.ts';
import { readEmbeddedEnvironment } from '../embedded/embedded-environment.ts';
import { errors } from '../errors/catalogue.ts';

/**
 * The configuration for a command beside the running processes: the environment's, or that of the embedded
 * PostgreSQL which `npm start` runs in this folder.
 * @throws configuration_invalid, embedded_postgres_failed
 */
export async function configurationForCommand(): Promise<Config> {
  const environment = readEnvironment();
  if (namesRegistry(environment)) return loadConfig(environment, 'cli').config;
  const first = loadConfig(
    { JWT_SECRET: 'only for this first look at the rest of it', ...environment },
    'cli',
  ).config;
  const embedded = await readEmbeddedEnvironment(resolve(first.EMBEDDED_DATA_DIR));
  if (embedded === null) {
    throw errors.configurationInvalid(
      'There is no registry: set GLOBAL_DATABASE_URL, or start the embedded one here with: npm start',
    );
  }
  return loadConfig({ ...embedded, ...environment }, 'cli').config;
}
