import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { findServer } from '../registry/repositories/database-servers.ts';
import { listServersOfTemplate } from '../registry/repositories/template-copies.ts';
import {
  findTemplateById,
  noteTemplateTrouble,
  type Template,
  type TemplateCopy,
} from '../registry/repositories/templates.ts';
import type { ServerDirectory } from './server-directory.ts';
import type { Refreshed, TemplateLibrary } from './templates.ts';

export type TemplateRefreshNeeds = {
  registry: RegistryDatabase;
  servers: ServerDirectory;
  templates: TemplateLibrary;
};

export type ServerRefreshed = Refreshed & { serverId: string };

/**
 * Brings a template up to date on every server that has it, and on the environment's. Each server is looked at
 * whatever is wrong with the others; what is in the way is kept with the template.
 * @throws the first of the errors
 */
export function createTemplateRefresh({ registry, servers, templates }: TemplateRefreshNeeds) {
  async function refreshOn(serverId: string, template: Template, signal: AbortSignal) {
    const server = await servers.get(serverId);
    return templates.refresh({ template, server, signal });
  }

  async function refreshTemplate(template: Template, signal: AbortSignal): Promise<ServerRefreshed[]> {
    const { id: environmentServer } = await servers.announceEnvironmentServer();
    const others = await listServersOfTemplate(registry, template.id);
    const refreshed: ServerRefreshed[] = [];
    const troubles: unknown[] = [];
    for (const serverId of new Set([environmentServer, ...others])) {
      try {
        refreshed.push({ serverId, ...(await refreshOn(serverId, template, signal)) });
      } catch (error) {
        if (signal.aborted) throw error;
        troubles.push(error);
      }
    }
    const [first] = troubles;
    await noteTemplateTrouble(registry, template.id, troubles.length === 0 ? null : toTrouble(first));
    if (troubles.length > 0) throw first;
    return refreshed;
  }

  return {
    refreshTemplate,

    /** The same, of what an operator asked for. @returns what is to be told of it */
    async refreshById(templateId: string, signal: AbortSignal): Promise<RefreshReport> {
      const template = await findTemplateById(registry, templateId);
      if (template === undefined) throw errors.notFound('template');
      const refreshed = await refreshTemplate(template, signal);
      const reports = refreshed.map(({ serverId, outcome, copy }) =>
        report(registry, { serverId, outcome, copy }),
      );
      return { template: template.key, servers: await Promise.all(reports) };
    },
  };
}

/** What is no error of the platform's own is kept as well: whoever waits for the template asks why. */
function toTrouble(error: unknown): { code: string; detail: string } {
  if (error instanceof AppError) return { code: error.code, detail: error.message };
  return {
    code: errors.internal.definition.code,
    detail: error instanceof Error ? error.message : String(error),
  };
}

export type TemplateRefresh = ReturnType<typeof createTemplateRefresh>;

export type RefreshReport = {
  template: string;
  servers: { server: string; outcome: Refreshed['outcome']; version_id: string | null; copy_id: string }[];
};

async function report(
  registry: RegistryDatabase,
  { serverId, outcome, copy }: { serverId: string; outcome: Refreshed['outcome']; copy: TemplateCopy },
): Promise<RefreshReport['servers'][number]> {
  const server = await findServer(registry, serverId);
  return {
    server: server?.name ?? serverId,
    outcome,
    version_id: copy.templateVersionId,
    copy_id: copy.id,
  };
}
