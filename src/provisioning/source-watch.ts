import type { RegistryDatabase } from '../registry/registry-database.ts';
import { upsertTemplate } from '../registry/repositories/templates.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ServerDirectory } from './server-directory.ts';
import type { TemplateLibrary } from './templates.ts';

export type SourceWatch = ReturnType<typeof createSourceWatch>;

export type SourceWatchNeeds = {
  registry: RegistryDatabase;
  servers: ServerDirectory;
  templates: TemplateLibrary;
  template: { key: string; sourceDatabase: string; dataTables: readonly string[] };
  log: Logger;
};

/**
 * Looks at the source now and then, and builds a new template version when it changed; the first look builds
 * the first version, so that the first sign-up need not wait for it.
 */
export function createSourceWatch({ registry, servers, templates, template, log }: SourceWatchNeeds) {
  const stopping = new AbortController();
  let underway: Promise<void> = Promise.resolve();
  let lastError = '';

  async function announce() {
    const templateRow = await upsertTemplate(registry, template);
    const { id: serverId } = await servers.announceEnvironmentServer();
    return { templateRow, serverId };
  }

  async function look(): Promise<void> {
    try {
      const [row, server] = [
        await upsertTemplate(registry, template),
        await servers.announceEnvironmentServer(),
      ];
      await templates.refresh({
        template: row,
        server: await servers.get(server.id),
        signal: stopping.signal,
      });
      if (lastError !== '') log.info('The template is up to date again');
      lastError = '';
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      // Said once; a source that stays missing would fill the log.
      if (message !== lastError && !stopping.signal.aborted)
        log.error({ err: error }, 'The template cannot be made');
      lastError = message;
    }
  }

  return {
    /** Writes server and template of this process's environment into the registry; jobs need both rows. */
    announce,

    /** Why the newest template could not be made, or an empty text. */
    lastError: () => lastError,

    /** One look at a time; a look that is due while one is under way is left out. */
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
