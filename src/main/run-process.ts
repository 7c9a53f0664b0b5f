import type { ProcessRole } from '../config/resolve-settings.ts';
import { assemble } from './assemble.ts';
import { assemblePlatform } from './assemble-platform.ts';
import { firstLogger, launch } from './launch.ts';
import { startOrExplain } from './process-life.ts';
import { readyRegistry } from './ready-registry.ts';

/** The life of a process of this role, from its configuration to the moment that it can work. */
export async function runProcess(role: ProcessRole): Promise<void> {
  const log = firstLogger(role);
  await startOrExplain(log, async (shutdown) => {
    const plan = { ...(await launch({ role, log, shutdown })), shutdown, role };
    const platform = await assemblePlatform(plan);
    const stopping = new AbortController();
    shutdown.onStop('waiting for the registry', 1_000, async () => stopping.abort());
    await readyRegistry({ ...plan, platform, signal: stopping.signal, onProblem: () => undefined });
    if (stopping.signal.aborted) return;
    await assemble(plan, platform);
    log.info('Ready');
  });
}
