import { AppError } from '../errors/app-error.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { noteTemplateTrouble, type Template, upsertTemplate } from '../registry/repositories/templates.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ServerDirectory } from './server-directory.ts';
import type { TemplateLibrary } from './templates.ts';

export type SourceWatchNeeds = {
  registry: RegistryDatabase;
  servers: ServerDirectory;
  templates: TemplateLibrary;
  template: { key: string; sourceDatabase: string; dataTables: readonly string[] };
  log: Logger;
};

type Trouble = { code: string; detail: string };

/**
 * Looks at the source now and then, and builds a new template version when it changed; the first look builds
 * the first version, so that the first sign-up need not wait for it.
 */
export function createSourceWatch({ registry, servers, templates, template, log }: SourceWatchNeeds) {
  const stopping = new AbortController();
  let underway: Promise<void> = Promise.resolve();
  let lastTrouble = '';

  async function announce() {
    const templateRow = await upsertTemplate(registry, template);
    const { id: serverId } = await servers.announceEnvironmentServer();
    return { templateRow, serverId };
  }

  async function look(): Promise<void> {
    try {
      const { templateRow, serverId } = await announce();
      const trouble = await refresh(templateRow, serverId);
      await noteTemplateTrouble(registry, templateRow.id, trouble);
      // Said once; a source that stays missing would fill the log.
      if (trouble !== null && trouble.detail !== lastTrouble)
        log.error({ code: trouble.code }, trouble.detail);
      if (trouble === null && lastTrouble !== '') log.info('The template is up to date again');
      lastTrouble = trouble?.detail ?? '';
    } catch (error) {
      if (!stopping.signal.aborted)
        log.warn({ err: error }, 'Looking at the source failed; it is tried again');
    }
  }

  /** @returns what is in the way, or null. */
  async function refresh(templateRow: Template, serverId: string): Promise<Trouble | null> {
    try {
      const server = await servers.get(serverId);
      await templates.refresh({ template: templateRow, server, signal: stopping.signal });
      return null;
    } catch (error) {
      if (stopping.signal.aborted || !(error instanceof AppError)) throw error;
      return { code: error.code, detail: error.message };
    }
  }

  return {
    /** Writes server and template of this process's environment into the registry; jobs need both rows. */
    announce,

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
