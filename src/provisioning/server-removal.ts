import { errors } from '../errors/catalogue.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import { recordAudit } from '../registry/repositories/audit-log.ts';
import {
  deleteServer,
  findServerSummary,
  listCopiesOnServer,
  lockServer,
} from '../registry/repositories/server-admin.ts';
import { findTemplateById } from '../registry/repositories/templates.ts';
import { assertRemovable } from './server-administration.ts';
import type { ServerDirectory } from './server-directory.ts';
import type { TemplateLibrary } from './templates.ts';
import type { ChangeRequest } from './tenant-transition.ts';

export type ServerRemovalNeeds = {
  registry: RegistryDatabase;
  servers: Pick<ServerDirectory, 'get'>;
  templates: Pick<TemplateLibrary, 'discardAll'>;
};

/** What operators are told; kept as the result of a task, and so JSON. */
export type ServerRemoved = { server: string; templates_dropped: number };

type Asked = ChangeRequest & { signal: AbortSignal };

/**
 * Takes a drained server out of the list: the templates there are dropped first, which only a worker can. May be
 * repeated after a crash within it.
 */
export function createServerRemoval({ registry, servers, templates }: ServerRemovalNeeds) {
  async function dropTemplates(serverId: string, signal: AbortSignal): Promise<number> {
    const copies = await listCopiesOnServer(registry, serverId);
    if (copies.length === 0) return 0;
    const server = await servers.get(serverId);
    for (const templateId of new Set(copies.map((copy) => copy.templateId))) {
      const template = await findTemplateById(registry, templateId);
      if (template !== undefined) await templates.discardAll({ template, server, signal });
    }
    return copies.length;
  }

  /** @throws not_found, server_state_conflict, server_from_environment, server_in_use */
  return async function removeServer(serverId: string, asked: Asked): Promise<ServerRemoved> {
    const { actor, requestId, signal } = asked;
    const server = await findServerSummary(registry, { id: serverId });
    if (server === undefined) throw errors.notFound('database server');
    assertRemovable(server);
    const dropped = await dropTemplates(serverId, signal);
    await registry.transaction().execute(async (trx) => {
      await lockServer(trx, serverId);
      // What was placed there meanwhile is seen from here on, and nobody is placed until the commit.
      const now = await findServerSummary(trx, { id: serverId });
      if (now === undefined) throw errors.notFound('database server');
      assertRemovable(now);
      if (now.templateCopies > 0) throw errors.serverInUse(now.name, `${now.templateCopies} × template`);
      await deleteServer(trx, serverId);
      const { id, name, host, port } = now;
      await recordAudit(trx, {
        actor,
        action: 'server.removed',
        before: { id, name, host, port },
        requestId,
      });
    });
    return { server: server.name, templates_dropped: dropped };
  };
}
