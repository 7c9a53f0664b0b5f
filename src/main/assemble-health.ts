import { AppError } from '../errors/app-error.ts';
import { errorDefinitions, errors } from '../errors/catalogue.ts';
import { createHealth, type Health, type HealthCheck } from '../http/health.ts';
import { listTemplateTroubles } from '../registry/repositories/templates.ts';
import type { Dispatch } from './assemble-dispatch.ts';
import type { Platform } from './assemble-platform.ts';
import { registryProblem } from './ready-registry.ts';

export type ProcessState = {
  dispatch: Dispatch | undefined;
  /** From the moment that the process does its work. */
  isServing: () => boolean;
  /** Never, if left out. */
  isStopping?: () => boolean;
};

/** What a process needs to serve, and what it serves less without. */
export function assembleHealth(platform: Platform, state: ProcessState): Health {
  const { dispatch } = state;
  const checks: Record<string, HealthCheck> = {
    process: { isCritical: true, check: async () => checkProcess(state) },
    registry: { isCritical: true, check: () => checkRegistry(platform) },
    messages: { isCritical: false, check: async () => checkMessages(platform) },
    template: { isCritical: false, check: () => checkTemplate(platform) },
    ...(dispatch?.queue === undefined
      ? {}
      : { queue: { isCritical: false, check: () => checkQueue(dispatch) } }),
  };
  const { isStopping = () => false } = state;
  return createHealth({ checks, isStopping });
}

function checkProcess({ isServing }: ProcessState): void {
  if (!isServing()) throw errors.starting();
}

async function checkRegistry({ registry, login }: Platform): Promise<void> {
  const problem = await registryProblem(registry, login.database);
  if (problem !== null) throw problem;
}

function checkMessages({ messages }: Platform): void {
  if (!messages.isConnected()) throw errors.registryUnavailable();
}

/** The worker that looked at the source knows what is wrong; its word is in the registry. */
async function checkTemplate({ registry }: Platform): Promise<void> {
  const [trouble] = await listTemplateTroubles(registry);
  if (trouble === undefined) return;
  const definition = errorDefinitions.find(({ code }) => code === trouble.code) ?? errors.internal.definition;
  throw new AppError(definition, trouble.detail);
}

async function checkQueue({ queue }: Dispatch): Promise<void> {
  if (queue !== undefined && !(await queue.isReachable())) throw errors.queueUnavailable();
}
