import type { DatabaseServer } from '../../databases/database-server.ts';
import type { Directness } from '../../databases/pooler.ts';
import type { RedisAddress } from '../../queue/link-to-redis.ts';
import type { MasterSeal } from '../../registry/master-seal.ts';
import type { RegistryDatabase } from '../../registry/registry-database.ts';
import type { WorkerOpener } from '../../registry/worker-seal.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** What every process can look at. */
export type DoctorNeeds = {
  registry: RegistryDatabase;
  countPendingMigrations: () => Promise<number>;
  probeRegistry: () => Promise<Directness>;
  /** Registry connections of one process. */
  registryPoolMax: number;
  masterSeal: Pick<MasterSeal, 'keyCheck' | 'unsealWithDataKey' | 'hmac'>;
  /** Of secrets that are set; those that production would refuse. */
  weakSecrets: readonly { variable: string; why: string }[];
  /** Undefined where the queue lives in the registry. */
  queueRedis: RedisAddress | undefined;
  /** Where requests are counted; undefined where each process does it for itself. */
  limitsRedis: RedisAddress | undefined;
  now: () => Date;
  log: Logger;
};

/** What only a worker has, and can therefore look at. */
export type WorkerNeeds = {
  serverOf: (serverId: string) => Promise<DatabaseServer>;
  applicationName: string;
  installationId: string;
  databasePrefix: string;
  worker: Pick<WorkerOpener, 'publicKey' | 'openAsWorker'>;
  /** @throws pg_dump_missing, pg_dump_too_old */
  findPgDump: (serverMajor: number) => Promise<{ where: string; major: number }>;
  /** False where templates are made without it: the sample of the embedded mode. */
  needsPgDump: boolean;
  /** Where registry and servers do not agree. */
  countFindings: (signal: AbortSignal) => Promise<number>;
  loseCopy: (copyId: string) => Promise<void>;
};
