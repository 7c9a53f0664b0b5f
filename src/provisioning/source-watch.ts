import { AppError } from '../errors/app-error.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import {
  listTemplates,
  type Template,
  type TemplateSource,
  upsertTemplate,
} from '../registry/repositories/templates.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ServerDirectory } from './server-directory.ts';
import type { TemplateRefresh } from './template-refresh.ts';

export type SourceWatchNeeds = {
  registry: RegistryDatabase;
  servers: Pick<ServerDirectory, 'announceEnvironmentServer'>;
  refreshTemplate: TemplateRefresh['refreshTemplate'];
  /** The one that this process's environment describes. */
  template: TemplateSource;
  log: Logger;
};

/**
 * Looks at the sources of all templates now and then, and builds a new version of each that changed; the first
 * look builds the first versions, so that the first sign-up need not wait for it. Trouble with one template
 * keeps none of the others waiting.
 */
export function createSourceWatch({ registry, servers, refreshTemplate, template, log }: SourceWatchNeeds) {
  const stopping = new AbortController();
  const troubles = new Map<string, string>();
  let underway: Promise<void> = Promise.resolve();

  async function look(): Promise<void> {
    try {
      for (const each of await listTemplates(registry)) {
        stopping.signal.throwIfAborted();
        await lookAt(each);
      }
    } catch (error) {
      if (!stopping.signal.aborted)
        log.warn({ err: error }, 'Looking at the sources failed; it is tried again');
    }
  }

  async function lookAt(each: Template): Promise<void> {
    try {
      await refreshTemplate(each, stopping.signal);
      if (troubles.delete(each.id)) log.info({ template: each.key }, 'The template is up to date again');
    } catch (error) {
      if (stopping.signal.aborted) throw error;
      complain(each, error);
    }
  }

  /** Said once; a source that stays missing would fill the log. */
  function complain({ id, key }: Template, error: unknown): void {
    if (!(error instanceof AppError)) {
      log.warn({ err: error, template: key }, 'Looking at the source failed; it is tried again');
      return;
    }
    if (troubles.get(id) !== error.message) log.error({ code: error.code, template: key }, error.message);
    troubles.set(id, error.message);
  }

  return {
    /**
     * Writes server and template of this process's environment into the registry; jobs need both rows. Done at
     * the start only: of processes with different sources the last one started is right.
     */
    async announce(): Promise<void> {
      await upsertTemplate(registry, template);
      await servers.announceEnvironmentServer();
    },

    /** One look at a time. */
    look(): Promise<void> {
      underway = underway.then(look);
      return underway;
    },

    async stop(): Promise<void> {
      stopping.abort();
      await underway;
    },
  };
}
