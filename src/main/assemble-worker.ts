import { Cron } from 'croner';
import type { Config } from '../config/load-config.ts';
import { fingerprintDatabase } from '../databases/fingerprint.ts';
import { errors } from '../errors/catalogue.ts';
import { createProvisioningJob } from '../jobs/run-provisioning.ts';
import { createCredentials } from '../provisioning/credentials.ts';
import { createDatabaseMaking } from '../provisioning/database-making.ts';
import { createNaming } from '../provisioning/database-names.ts';
import { type Around, plainly } from '../provisioning/failpoints.ts';
import { provisionTenant, purgeTenant } from '../provisioning/provision-tenant.ts';
import { createCredentialRotation } from '../provisioning/rotate-credentials.ts';
import type { RunContext } from '../provisioning/run-context.ts';
import { createRunner } from '../provisioning/run-provisioning.ts';
import { createServerDirectory } from '../provisioning/server-directory.ts';
import { createSourceWatch } from '../provisioning/source-watch.ts';
import { createTemplateRefresh } from '../provisioning/template-refresh.ts';
import { createTemplates, type TemplateLibrary } from '../provisioning/templates.ts';
import { createQueueWorker } from '../queue/create-worker.ts';
import { loseCopy } from '../registry/repositories/template-copies.ts';
import { findTemplate, findTemplateById } from '../registry/repositories/templates.ts';
import { createWorkerSealer, type WorkerOpener } from '../registry/worker-seal.ts';
import type { Crew } from './assemble-dispatch.ts';
import { type Platform, type ProcessParts, queueBackend } from './assemble-platform.ts';

const templateKey = 'default';

export type Embedded = { binDir: string; samplePath: string; secretsFile: string | undefined };

export type WorkbenchNeeds = ProcessParts & {
  platform: Platform;
  installationId: string;
  worker: WorkerOpener;
  embedded: Embedded | undefined;
  /** What tests put around every effect. */
  around?: Around;
  /** For everything that has a deadline, instead of its own; for tests of what hangs. */
  deadlineMs?: number;
  /** For the keeper of warm databases, instead of its own; for tests of what fails again and again. */
  pauseMs?: number;
};

/** Everything that works on databases: server logins, templates, and the runner of provisioning. */
export function assembleWorkbench(needs: WorkbenchNeeds) {
  const { config, log, platform, installationId, worker, around = plainly } = needs;
  const { registry, masterSeal, applicationName } = platform;
  const naming = createNaming({
    installationId,
    databasePrefix: config.TENANT_DB_PREFIX,
    style: config.TENANT_DB_NAMES,
  });
  const servers = createServerDirectory({ registry, environmentServer: environmentServer(config), worker });
  const templates = createTemplates({
    registry,
    naming,
    applicationName,
    around,
    workMs: needs.deadlineMs,
    log,
    ...templateOptions(needs),
  });
  const templateRefresh = createTemplateRefresh({ registry, servers, templates });
  const sealer = createWorkerSealer(worker.publicKey);
  const making = createDatabaseMaking({
    neutral: naming.neutral,
    connectionsPerTenant: config.MAX_CONNECTIONS_PER_TENANT,
    takeFingerprint: (client, dataTables) =>
      fingerprintDatabase(client, { neutral: naming.neutral, dataTables }),
    loseCopy: (copyId) => loseCopy(registry, copyId),
  });
  const credentials = createCredentials({ masterSeal, worker: { ...worker, ...sealer } });
  const ensureHere = (context: RunContext) => ensureCopy(templates, context);
  const steps = provisionTenant({ naming, making, credentials, ensureCopy: ensureHere, seed: config.seed });
  const runProvisioning = createRunner({
    registry,
    serverOf: servers.get,
    neutral: naming.neutral,
    applicationName,
    steps: { provision: steps, purge: purgeTenant },
    around,
    stepDeadlineMs: needs.deadlineMs,
    observeStep: needs.metrics?.observe.step,
    observeEnd: needs.metrics?.observe.runEnd,
    log,
  });
  const template = defaultTemplate(config);
  return {
    runProvisioning,
    servers,
    templates,
    templateRefresh,
    rotateCredentials: createCredentialRotation({
      ...needs.platform,
      serverOf: servers.get,
      credentials,
      around,
    }),
    making: { naming, making, credentials, around, workMs: needs.deadlineMs, pauseMs: needs.pauseMs },
    sourceWatch: createSourceWatch({ registry, servers, ...templateRefresh, template, log }),
  };
}

export type Workbench = ReturnType<typeof assembleWorkbench>;

type WorkParts = ProcessParts & { platform: Platform; workbench: Workbench };

type QueueWorkParts = ProcessParts & { platform: Platform; crew: Crew };

/** Takes jobs from the queue until shutdown. */
export function startQueueWorker({ config, log, shutdown, platform, crew }: QueueWorkParts): void {
  const worker = createQueueWorker({
    name: 'run-provisioning',
    backend: queueBackend(config, platform.login),
    concurrency: config.QUEUE_CONCURRENCY,
    handle: createProvisioningJob({
      runProvisioning: (tenantId, generation, signal) => crew.runs.workOn({ tenantId, generation }, signal),
    }),
    log,
  });
  shutdown.onStop('queue worker', 15_000, () => worker.close(10_000));
}

/**
 * Builds the first template now, and a new version whenever the source has changed.
 * @returns the end of the first look, whatever came of it.
 */
export function watchSource({ config, shutdown, workbench: { sourceWatch } }: WorkParts): Promise<void> {
  const firstLook = sourceWatch.look();
  const schedule = new Cron(config.TEMPLATE_REFRESH_SCHEDULE, { protect: true }, () => sourceWatch.look());
  shutdown.onStop('source watch', 5_000, async () => {
    schedule.stop();
    await sourceWatch.stop();
  });
  return firstLook;
}

async function ensureCopy(templates: TemplateLibrary, context: RunContext) {
  const { registry } = context.needs;
  const { templateId } = context.tenant;
  // Null for who came before the first worker had made the default template known.
  const template =
    templateId === null
      ? await findTemplate(registry, templateKey)
      : await findTemplateById(registry, templateId);
  if (template === undefined) throw errors.notFound('template');
  return templates.ensureCopy({ template, server: await context.server(), signal: context.signal });
}

function defaultTemplate(config: Config) {
  return {
    key: templateKey,
    sourceDatabase: config.SOURCE_DATABASE_NAME,
    dataTables: config.SOURCE_DATA_TABLES,
  };
}

function environmentServer(config: Config) {
  return {
    host: config.POSTGRES_HOST,
    port: config.POSTGRES_PORT,
    tls: { mode: config.POSTGRES_SSL },
    admin: { user: config.POSTGRES_ADMIN_USER, password: config.POSTGRES_ADMIN_PASSWORD ?? '' },
    region: config.REGION,
  };
}

/** The sample needs no pg_dump: where none is found, its script is run instead. */
function templateOptions({ config, embedded }: WorkbenchNeeds) {
  return {
    pgDump: config.PG_DUMP,
    serverBinDir: embedded?.binDir,
    docker: config.USE_DOCKER_FOR_SCHEMA_COPY ? { container: config.DOCKER_POSTGRES_CONTAINER } : undefined,
    sample:
      embedded === undefined
        ? undefined
        : { script: embedded.samplePath, sourceDatabase: config.SOURCE_DATABASE_NAME },
  };
}
