import type { ProcessRole } from '../config/resolve-settings.ts';
import { worksOnDatabases } from '../config/resolve-settings.ts';
import { errors } from '../errors/catalogue.ts';
import type { Around } from '../provisioning/failpoints.ts';
import {
  type Crew,
  type Dispatch,
  dispatchHere,
  dispatchToQueue,
  employ,
  startRelay,
  sweep,
} from './assemble-dispatch.ts';
import { keepHouse } from './assemble-housekeeping.ts';
import { assertKeys, type Platform, type ProcessParts } from './assemble-platform.ts';
import { assembleTaskRunner, startTaskWorker } from './assemble-tasks.ts';
import { keepWarm } from './assemble-warm.ts';
import {
  assembleWorkbench,
  type Embedded,
  startQueueWorker,
  type Workbench,
  watchSource,
} from './assemble-worker.ts';

export type ProcessPlan = ProcessParts & {
  role: ProcessRole;
  embedded: Embedded | undefined;
  around?: Around;
  stepDeadlineMs?: number;
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
  const { installationId, worker } = await assertKeys(
    platform.registry,
    config,
    platform.masterSeal.keyCheck,
  );
  let workbench: Workbench | undefined;
  if (worksOnDatabases(role, config)) {
    if (worker === undefined) throw errors.wrongEncryptionKey('WORKER_SECRET_KEY');
    workbench = assembleWorkbench({ ...plan, platform, installationId, worker });
    await workbench.sourceWatch.announce();
  }
  const crew =
    workbench &&
    employ(plan, {
      runProvisioning: workbench.runProvisioning,
      runTask: assembleTaskRunner(plan, { platform, workbench }),
    });
  const dispatch =
    crew !== undefined && !config.ENABLE_ASYNC_PROVISIONING
      ? dispatchHere(crew)
      : dispatchToQueue(plan, platform);
  const relay = startRelay(plan, platform, dispatch);
  if (workbench !== undefined) keepHouse(plan, { platform, kick: relay.kick });
  const firstLook =
    workbench === undefined || crew === undefined
      ? Promise.resolve()
      : startWork(plan, { platform, workbench, dispatch, crew });
  if (workbench !== undefined) await keepWarm(plan, { platform, workbench, firstLook });
  return { platform, workbench, dispatch, firstLook, kick: relay.kick };
}

type WorkPlan = Pick<Assembly, 'platform' | 'dispatch'> & { workbench: Workbench; crew: Crew };

function startWork(plan: ProcessPlan, { platform, workbench, dispatch, crew }: WorkPlan): Promise<void> {
  const parts = { ...plan, platform, workbench, crew };
  sweep(plan, { platform, crew, dispatch });
  if (dispatch.queue !== undefined) {
    startQueueWorker(parts);
    startTaskWorker(plan, { platform, crew });
  }
  return watchSource(parts);
}
