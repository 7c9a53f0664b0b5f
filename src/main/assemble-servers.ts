import type { Config } from '../config/load-config.ts';
import { createServerCheck } from '../provisioning/server-check.ts';
import { createServerRemoval } from '../provisioning/server-removal.ts';
import type { TaskHandlers } from '../tasks/task-kinds.ts';
import { currentContext } from '../telemetry/request-context.ts';
import type { Platform } from './assemble-platform.ts';
import type { Workbench } from './assemble-worker.ts';

type ServerParts = { platform: Platform; workbench: Workbench };

/** What workers do about the database servers that operators add and take away. */
export function assembleServerTasks(
  config: Config,
  { platform, workbench }: ServerParts,
): Pick<TaskHandlers, 'servers.check' | 'servers.remove'> {
  const { registry, applicationName } = platform;
  const needs = { registry, servers: workbench.servers, templates: workbench.templates };
  const allowedNetworks = config.ALLOWED_DATABASE_CIDRS;
  const checkServer = createServerCheck({ ...needs, allowedNetworks, applicationName });
  const removeServer = createServerRemoval(needs);
  return {
    'servers.check': ({ server_id: id }, signal) => checkServer(id, signal),
    'servers.remove': ({ server_id: id, actor }, signal) =>
      removeServer(id, { actor, requestId: currentContext()?.requestId ?? id, signal }),
  };
}
