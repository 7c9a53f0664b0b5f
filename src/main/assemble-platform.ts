import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Config } from '../config/load-config.ts';
import { registryConnection } from '../config/registry-connection.ts';
import { errors } from '../errors/catalogue.ts';
import type { QueueBackend } from '../queue/queue-backend.ts';
import { createMasterSeal } from '../registry/master-seal.ts';
import { createMessages } from '../registry/messages.ts';
import { openRegistry, type RegistryDatabase } from '../registry/registry-database.ts';
import {
  keepMasterKeyCheck,
  keepWorkerPublicKey,
  readInstallation,
} from '../registry/repositories/installation.ts';
import { createWorkerOpener } from '../registry/worker-seal.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ProcessMetrics } from './assemble-metrics.ts';
import type { Shutdown } from './shutdown.ts';

export type ProcessParts = {
  config: Config;
  log: Logger;
  shutdown: Shutdown;
  metrics?: ProcessMetrics | undefined;
};

/** Of BullMQ on PostgreSQL: two that send, and three for each of the two kinds of jobs. */
const queueConnections = 8;

/** What every process has: the registry, the messages between processes, the key of the requests' secrets. */
export async function assemblePlatform({ config, log, shutdown, metrics }: ProcessParts) {
  const { poolMax, poolTimeoutMs, ...login } = registryConnection(
    config.GLOBAL_DATABASE_URL,
    config.REGISTRY_DB_POOL_MAX,
  );
  const applicationName = `tenant-manager ${hostname()} ${process.pid}`.slice(0, 63);
  const onConnectionError = (error: Error) =>
    log.warn({ err: error }, 'Trouble with a connection to the registry; it is made anew');
  const registry = openRegistry({
    login,
    applicationName,
    poolMax,
    poolTimeoutMs,
    onConnectionError,
    observer: metrics && {
      queried: metrics.observe.registryQuery,
      opened: (count) => metrics.countConnections('registry', count),
    },
  });
  shutdown.onStop('registry', 5_000, () => registry.destroy());
  const presenceKey = randomBytes(8).readBigInt64BE();
  const messages = createMessages({ login, applicationName, presenceKey, onError: onConnectionError });
  shutdown.onStop('messages', 2_000, () => messages.stop());
  await messages.start();
  return {
    registry,
    messages,
    login,
    applicationName,
    presenceKey,
    /** The pool, the listener, and what a queue in the registry needs. */
    registryConnections: poolMax + 1 + (config.REDIS_URL === undefined ? queueConnections : 0),
    masterSeal: createMasterSeal(config.MASTER_ENCRYPTION_KEY),
  };
}

export type Platform = Awaited<ReturnType<typeof assemblePlatform>>;

/** Redis if there is one, else the registry database. */
export function queueBackend(config: Config, login: Platform['login']): QueueBackend {
  if (config.REDIS_URL === undefined) return { kind: 'postgres', login };
  return { kind: 'redis', url: config.REDIS_URL, password: config.REDIS_PASSWORD };
}

/**
 * Compares this process's keys with those that the registry was set up with; the first process leaves the mark.
 * @throws wrong_encryption_key
 */
export async function assertKeys(registry: RegistryDatabase, config: Config, masterKeyCheck: string) {
  await keepMasterKeyCheck(registry, masterKeyCheck);
  const worker =
    config.WORKER_SECRET_KEY === undefined ? undefined : createWorkerOpener(config.WORKER_SECRET_KEY);
  if (worker !== undefined) await keepWorkerPublicKey(registry, worker.publicKey);
  const installation = await readInstallation(registry);
  if (installation.masterKeyCheck !== masterKeyCheck)
    throw errors.wrongEncryptionKey('MASTER_ENCRYPTION_KEY');
  if (worker !== undefined && installation.workerPublicKey !== worker.publicKey) {
    throw errors.wrongEncryptionKey('WORKER_SECRET_KEY');
  }
  return { installationId: installation.installationId, worker };
}
