import { setTimeout as delay } from 'node:timers/promises';
import { readEnvironment } from '../config/read-environment.ts';
import type { ProcessRole } from '../config/resolve-settings.ts';
import type { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import { startProbeServer } from '../http/probe-server.ts';
import { startServer } from '../http/server.ts';
import { startWaitingServer } from '../http/waiting-server.ts';
import { type Assembly, assemble, type ProcessPlan } from './assemble.ts';
import { assembleApi } from './assemble-api.ts';
import { assembleHealth } from './assemble-health.ts';
import { openMetrics, type ProcessMetrics } from './assemble-metrics.ts';
import { assemblePlatform, type Platform } from './assemble-platform.ts';
import { banner } from './banner.ts';
import { checkQueue } from './check-queue.ts';
import { readFleet, readQueue } from './fleet-metrics.ts';
import { firstLogger, launch } from './launch.ts';
import { startOrExplain } from './process-life.ts';
import { readyRegistry } from './ready-registry.ts';

const drainMs = 20_000;
/** A template of a large source takes its time; the first sign-up then waits for it. */
const patienceMs = 5_000;

/** The life of a process of this role, from its configuration to the moment that it can work. */
export async function runProcess(role: Exclude<ProcessRole, 'cli'>): Promise<void> {
  const log = firstLogger(role);
  await startOrExplain(log, async (shutdown) => {
    const launched = { ...(await launch({ role, log, shutdown })), shutdown };
    const metrics = openMetrics(launched, role);
    const plan: ProcessPlan = { ...launched, role, metrics };
    await checkQueue(plan.config, log);
    const platform = await assemblePlatform(plan);
    const state = { isServing: false };
    await startProbes(plan, platform, () => state.isServing);
    if (!(await waitForRegistry(plan, platform))) return;
    const assembly = await assemble(plan, platform);
    if (metrics !== undefined) readInstallation(metrics, assembly);
    if (role !== 'worker') await serve(plan, assembly);
    state.isServing = true;
    log.info('Ready');
    if (role !== 'all') return;
    await Promise.race([assembly.firstLook, delay(patienceMs, undefined, { ref: false })]);
    if (!shutdown.isStopping()) sayWhereEverythingIs(plan);
  });
}

/** Once the registry is migrated; before, there is nothing to read. */
function readInstallation(metrics: ProcessMetrics, { platform, dispatch }: Assembly): void {
  readFleet(metrics, platform.registry);
  readQueue(metrics, dispatch.queue);
}

async function startProbes(
  { config, shutdown, metrics }: ProcessPlan,
  platform: Platform,
  isServing: () => boolean,
): Promise<void> {
  const { isStopping } = shutdown;
  const health = assembleHealth(platform, { dispatch: undefined, isServing, isStopping });
  const probes = await startProbeServer({ health, metrics, host: config.HOST, port: config.METRICS_PORT });
  shutdown.onStop('probes', 1_000, probes.stop);
}

/**
 * Until the registry can be used, the API's port says why it is not ready.
 * @returns whether it can be used; false when the process is to stop.
 */
async function waitForRegistry(plan: ProcessPlan, platform: Platform): Promise<boolean> {
  const { config, role, shutdown } = plan;
  const stopping = new AbortController();
  let problem: AppError = errors.registryUnavailable();
  let stopStandIn: (() => Promise<void>) | undefined;
  shutdown.onStop('waiting for the registry', 1_000, async () => stopping.abort());

  const onProblem = async (next: AppError): Promise<void> => {
    problem = next;
    if (role === 'worker' || stopStandIn !== undefined) return;
    const { PORT: port, HOST: host, PUBLIC_URL: publicUrl } = config;
    stopStandIn = await startWaitingServer({ port, host, publicUrl, problem: () => problem });
  };
  await readyRegistry({ ...plan, platform, signal: stopping.signal, onProblem });
  await stopStandIn?.();
  return !stopping.signal.aborted;
}

async function serve(plan: ProcessPlan, assembly: Assembly): Promise<void> {
  const { config, shutdown } = plan;
  const { app } = await assembleApi(
    plan,
    assembly,
    assembleHealth(assembly.platform, {
      dispatch: assembly.dispatch,
      isServing: () => true,
      isStopping: shutdown.isStopping,
    }),
  );
  const server = await startServer({ app, host: config.HOST, port: config.PORT });
  shutdown.onStop('api', drainMs, server.stop);
}

function sayWhereEverythingIs({ config, embedded }: ProcessPlan): void {
  const { TENANT_MANAGER_BUILD_ENDED_AT: builtAt } = readEnvironment();
  const startedAt = builtAt === undefined ? Date.now() - process.uptime() * 1_000 : Number(builtAt);
  const secondsToReady = (Date.now() - startedAt) / 1_000;
  process.stdout.write(banner({ config, secondsToReady, secretsFile: embedded?.secretsFile }));
}
