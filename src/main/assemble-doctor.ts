import type { Config } from '../config/load-config.ts';
import { registryConnection } from '../config/registry-connection.ts';
import { weakness } from '../config/secret-strength.ts';
import { findPgTools } from '../databases/pg-tools.ts';
import { createDoctor, createDoctorHere, type Doctor, type DoctorHere } from '../reconcile/doctor/doctor.ts';
import type { DoctorNeeds } from '../reconcile/doctor/doctor-needs.ts';
import type { Reconcile } from '../reconcile/reconcile.ts';
import { loseCopy } from '../registry/repositories/template-copies.ts';
import type { WorkerOpener } from '../registry/worker-seal.ts';
import { readMigrationStatus } from './apply-registry-migrations.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';
import type { Embedded, Workbench } from './assemble-worker.ts';
import { probeRegistry } from './refuse-poolers.ts';

const secrets = [
  'JWT_SECRET',
  'JWT_REFRESH_SECRET',
  'SUPER_ADMIN_KEY',
  'MASTER_ENCRYPTION_KEY',
  'WORKER_SECRET_KEY',
] as const satisfies readonly (keyof Config)[];

/** What a process without the servers' logins can find out by itself. */
export function assembleDoctorHere(
  parts: Pick<ProcessParts, 'config' | 'log'>,
  platform: Platform,
): DoctorHere {
  return createDoctorHere(doctorNeeds(parts, platform));
}

type DoctorParts = {
  platform: Platform;
  workbench: Workbench;
  reconcile: Reconcile;
  installationId: string;
  worker: WorkerOpener;
  embedded: Embedded | undefined;
};

export function assembleDoctor(parts: ProcessParts, doctorParts: DoctorParts): Doctor {
  const { config } = parts;
  const { platform, workbench, reconcile, installationId, worker, embedded } = doctorParts;
  const { USE_DOCKER_FOR_SCHEMA_COPY: isInDocker, DOCKER_POSTGRES_CONTAINER: container, PG_DUMP } = config;
  return createDoctor({
    ...doctorNeeds(parts, platform),
    serverOf: workbench.servers.get,
    applicationName: platform.applicationName,
    installationId,
    databasePrefix: config.TENANT_DB_PREFIX,
    worker,
    findPgDump: (serverMajor) =>
      findPgTools({
        serverMajor,
        ...(PG_DUMP !== undefined && { pgDump: PG_DUMP }),
        ...(embedded !== undefined && { serverBinDir: embedded.binDir }),
        ...(isInDocker && { docker: { container } }),
      }),
    needsPgDump: embedded === undefined,
    countFindings: async (signal) => {
      const { findings, omitted } = await reconcile.plan({ depth: 'catalog', signal });
      return findings.length + omitted;
    },
    loseCopy: (copyId) => loseCopy(platform.registry, copyId),
  });
}

/** Says once what nobody notices until it hurts, with what to do about it. */
export function warnAtStart(
  { log, shutdown }: Pick<ProcessParts, 'log' | 'shutdown'>,
  { checkBriefly }: Pick<Doctor, 'checkBriefly'>,
): void {
  const stopping = new AbortController();
  const looking = checkBriefly(stopping.signal).then(
    (checks) => {
      for (const { check, status, subject, detail, remedy } of checks) {
        if (status !== 'warning' && status !== 'problem') continue;
        log.warn({ check, subject, remedy }, remedy === null ? detail : `${detail} ${remedy}`);
      }
    },
    (error: unknown) => {
      if (!stopping.signal.aborted) log.warn({ err: error }, 'The look at the database servers failed');
    },
  );
  shutdown.onStop('look at the servers', 3_000, async () => {
    stopping.abort();
    await looking;
  });
}

function doctorNeeds({ config, log }: Pick<ProcessParts, 'config' | 'log'>, platform: Platform): DoctorNeeds {
  const { registry, masterSeal } = platform;
  const { GLOBAL_DATABASE_URL: url, REGISTRY_DB_POOL_MAX: poolMax, REDIS_URL, REDIS_PASSWORD } = config;
  return {
    registry,
    masterSeal,
    countPendingMigrations: async () =>
      (await readMigrationStatus(registry)).filter(({ appliedAt }) => appliedAt === null).length,
    probeRegistry: () => probeRegistry(platform),
    registryPoolMax: registryConnection(url, poolMax).poolMax,
    weakSecrets: secrets.flatMap((variable) => {
      const value = config[variable];
      const why = value === undefined ? null : weakness(value);
      return why === null ? [] : [{ variable, why }];
    }),
    queueRedis: redisAddress(REDIS_URL, REDIS_PASSWORD),
    limitsRedis: redisAddress(config.CACHE_REDIS_URL, REDIS_PASSWORD),
    now: () => new Date(),
    log,
  };
}

function redisAddress(url: string | undefined, password: string | undefined) {
  return url === undefined ? undefined : { url, password };
}
