import type { Config } from '../config/load-config.ts';
import { createWarmKeeper } from '../provisioning/warm-keeper.ts';
import type { Platform, ProcessParts } from './assemble-platform.ts';
import type { Workbench } from './assemble-worker.ts';

type WarmParts = {
  platform: Platform;
  workbench: Workbench;
  /** Before it there may be no template yet. */
  firstLook: Promise<void>;
};

/** Keeps WARM_POOL_SIZE finished databases at hand. Workers do it; who claims one needs no server login. */
export async function keepWarm(
  { config, log, shutdown }: ProcessParts,
  { platform, workbench, firstLook }: WarmParts,
): Promise<void> {
  const { registry, messages, applicationName } = platform;
  const keeper = createWarmKeeper({
    ...workbench.making,
    registry,
    messages,
    servers: workbench.servers,
    size: config.WARM_POOL_SIZE,
    connectionsPerTenant: config.MAX_CONNECTIONS_PER_TENANT,
    needsRun: isSomethingDueAfterClaim(config),
    applicationName,
    log,
  });
  await keeper.announce();
  shutdown.onStop('warm databases', 8_000, keeper.stop);
  void firstLook.then(keeper.start);
}

/** A seed is run, and a name is given, by a worker; nobody else has the logins for it. */
function isSomethingDueAfterClaim({ TENANT_DB_NAMES, TENANT_SEED_SQL }: Config): boolean {
  return TENANT_DB_NAMES === 'slug' || TENANT_SEED_SQL !== undefined;
}
