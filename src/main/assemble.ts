import type { ProcessRole } from '../config/resolve-settings.ts';
import { worksOnDatabases } from '../config/resolve-settings.ts';
import { errors } from '../errors/catalogue.ts';
import type { Around } from '../provisioning/failpoints.ts';
import type { Doctor } from '../reconcile/doctor/doctor.ts';
import type { Reconcile } from '../reconcile/reconcile.ts';
import { sealAuditLog } from './assemble-audit.ts';
import { keepBudgets } from './assemble-budget.ts';
import {
  type Crew,
  type Dispatch,
  dispatchHere,
  dispatchToQueue,
  employ,
  startRelay,
  sweep,
} from './assemble-dispatch.ts';
import { assembleDoctor, warnAtStart } from './assemble-doctor.ts';
import { keepHouse } from './assemble-housekeeping.ts';
import { assertKeys, type Platform, type ProcessParts } from './assemble-platform.ts';
import { assembleReconcile, reconcileRegularly } from './assemble-reconcile.ts';
import { assembleTaskRunner, startTaskWorker } from './assemble-tasks.ts';
import { keepWarm } from './assemble-warm.ts';
import {
  assembleWorkbench,
  type Embedded,
  startQueueWorker,
  type Workbench,
  watchSource,
} from './assemble-worker.ts';
import { refusePoolerOfRegistry, refusePoolersOfServers } from './refuse-poolers.ts';

export type ProcessPlan = ProcessParts & {
  role: ProcessRole;
  embedded: Embedded | undefined;
  around?: Around;
  deadlineMs?: number;
  pauseMs?: number;
};

/** What is built before the registry is known to be usable, and what after it. */
export type Assembly = {
  platform: Platform;
  workbench: Workbench | undefined;
  dispatch: Dispatch;
  /** Until then the first sign-up has to wait for the template. */
  firstLook: Promise<void>;
  /** Call after a commit that left something in the outbox. */
  kick: () => void;
};

/** Builds the parts of a process around its registry, which must be migrated by now. */
export async function assemble(plan: ProcessPlan, platform: Platform): Promise<Assembly> {
  const { config, role } = plan;
  await refusePoolerOfRegistry(platform);
  const keys = await assertKeys(platform.registry, config, platform.masterSeal.keyCheck);
  const workshop = worksOnDatabases(role, config) ? await openWorkshop(plan, platform, keys) : undefined;
  const dispatch =
    workshop !== undefined && !config.ENABLE_ASYNC_PROVISIONING
      ? dispatchHere(workshop.crew)
      : dispatchToQueue(plan, platform);
  const relay = startRelay(plan, platform, dispatch);
  const built = { platform, workbench: workshop?.workbench, dispatch, kick: relay.kick };
  if (workshop === undefined) return { ...built, firstLook: Promise.resolve() };
  const { workbench, reconcile, doctor } = workshop;
  await keepBudgets(plan, { platform, workbench, sharesProcess: role === 'all' });
  keepHouse(plan, { platform, kick: relay.kick });
  sealAuditLog(plan, platform);
  const firstLook = startWork(plan, { platform, dispatch, ...workshop });
  await keepWarm(plan, { platform, workbench, firstLook });
  reconcileRegularly(plan, platform, reconcile);
  warnAtStart(plan, doctor);
  return { ...built, firstLook };
}

/** What a process has that works on databases. */
type Workshop = { workbench: Workbench; reconcile: Reconcile; doctor: Doctor; crew: Crew };
type Keys = Awaited<ReturnType<typeof assertKeys>>;

async function openWorkshop(
  plan: ProcessPlan,
  platform: Platform,
  { installationId, worker }: Keys,
): Promise<Workshop> {
  if (worker === undefined) throw errors.wrongEncryptionKey('WORKER_SECRET_KEY');
  const workbench = assembleWorkbench({ ...plan, platform, installationId, worker });
  await workbench.sourceWatch.announce();
  await refusePoolersOfServers(platform, workbench.servers);
  const reconcile = assembleReconcile(plan, { platform, workbench, installationId });
  const { embedded } = plan;
  const doctor = assembleDoctor(plan, { platform, workbench, reconcile, installationId, worker, embedded });
  const crew = employ(plan, {
    runProvisioning: workbench.runProvisioning,
    runTask: assembleTaskRunner(plan, { platform, workbench, reconcile, doctor }),
  });
  return { workbench, reconcile, doctor, crew };
}

type WorkPlan = Workshop & Pick<Assembly, 'platform' | 'dispatch'>;

function startWork(plan: ProcessPlan, { platform, workbench, dispatch, crew }: WorkPlan): Promise<void> {
  const parts = { ...plan, platform, workbench, crew };
  sweep(plan, { platform, crew, dispatch });
  if (dispatch.queue !== undefined) {
    startQueueWorker(parts);
    startTaskWorker(plan, { platform, crew });
  }
  return watchSource(parts);
}
