import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { findFreePort } from '../../src/embedded/free-port.ts';
import { createApiClient } from './api-client.ts';
import { dropAtTheEnd } from './left-databases.ts';
import { type Program, type RunningProgram, startProgram } from './programs.ts';
import { environmentOf, makeSource, runOn } from './provisioning-bench.ts';
import { type SharedPostgres, sharedPostgres } from './shared-postgres.ts';

export type DeploymentOptions = {
  api: number;
  worker: number;
  environment?: Record<string, string>;
  server?: Pick<SharedPostgres, 'host' | 'port' | 'admin'>;
};

export type Deployment = Awaited<ReturnType<typeof createDeployment>>;

/** Api and worker processes as somebody would run them, against servers that are there already. */
export async function createDeployment(options: DeploymentOptions) {
  const server = options.server ?? sharedPostgres();
  const id = randomUUID().slice(0, 8);
  const [registryName, sourceName] = [`registry_${id}`, `source_${id}`];
  const tenantPrefix = `t${id}_`;
  if (options.server === undefined) dropAtTheEnd({ registryName, sourceName, tenantPrefix });
  await runOn(server, 'postgres', `CREATE DATABASE ${registryName}`);
  await makeSource(options.server, sourceName);
  const environment: Record<string, string> = {
    ...environmentOf(server, registryName),
    MIGRATE_ON_START: 'true',
    SOURCE_DATABASE_NAME: sourceName,
    TENANT_DB_PREFIX: tenantPrefix,
    WARM_POOL_SIZE: '0',
    ...options.environment,
  };
  const workers = await startMany('worker', options.worker, environment);
  const apis = await startMany('api', options.api, environment).catch(async (error: unknown) => {
    await stopAll(workers);
    throw error;
  });
  const clients = apis.map(({ port }) => createApiClient(`http://127.0.0.1:${port}`));
  const [first, second] = clients;
  if (first === undefined) throw new Error('A deployment has one api process at least.');
  return {
    server,
    registryName,
    environment,
    adminKey: environment.SUPER_ADMIN_KEY ?? '',
    apis: [first, second ?? first] as const,
    processes: { apis, workers },
    startMore: (program: Program, more: Record<string, string> = {}) =>
      start(program, { ...environment, ...more }),
    async stop() {
      await stopAll([...apis, ...workers]);
    },
  };
}

export type StartedProcess = { program: RunningProgram; port: number; metricsPort: number };

/** All or none: where one does not come up, the others are not left behind. */
async function startMany(program: Program, count: number, environment: Record<string, string>) {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, () => start(program, environment)));
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return started;
  await stopAll(started);
  throw failed.reason;
}

async function stopAll(processes: readonly StartedProcess[]): Promise<void> {
  await Promise.all(processes.map(({ program }) => program.kill('SIGTERM')));
}

async function start(program: Program, environment: Record<string, string>): Promise<StartedProcess> {
  const [port, metricsPort] = [await findFreePort(), await findFreePort()];
  const started = startProgram(program, {
    ...environment,
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
  });
  await Promise.race([ready(metricsPort), started.exited.then(() => started.saw(/never/))]);
  return { program: started, port, metricsPort };
}

async function ready(port: number): Promise<void> {
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/health/ready`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok) return;
    await delay(50);
  }
}
