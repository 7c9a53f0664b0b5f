import { fingerprintSource } from '../databases/source-inspection.ts';
import { templateFault } from '../databases/template-state.ts';
import { listCopiesOnServer } from '../registry/repositories/server-admin.ts';
import { loseCopy, noteLook } from '../registry/repositories/template-copies.ts';
import { type NewestCopy, newestCopy, type TemplateCopy } from '../registry/repositories/templates.ts';
import { buildCopy } from './template-copy-build.ts';
import { clearAway } from './template-janitor.ts';
import { type LockedPlace, withTemplateLock } from './template-lock.ts';
import type { TemplateNeeds, TemplatePlace } from './template-place.ts';

/** `built`: the source has changed, or the copy that there was can no longer be used. */
export type Refreshed = { outcome: 'built' | 'unchanged'; copy: TemplateCopy };

/** Template copies: one per version and server, built from the source, sealed, never connected to. */
export function createTemplates(needs: TemplateNeeds) {
  const newest = ({ template, server }: TemplatePlace) =>
    newestCopy(needs.registry, {
      templateId: template.id,
      serverId: server.id,
      sourceDatabase: template.sourceDatabase,
    });

  return {
    /**
     * The newest copy on the server; builds the first one. Callers that come meanwhile wait for it. Nothing is
     * asked of the server: whoever clones the copy sees whether it is still there.
     */
    async ensureCopy(place: TemplatePlace): Promise<TemplateCopy> {
      const copy = await newest(place);
      if (copy !== undefined) return copy;
      return withTemplateLock(
        needs,
        place,
        async (locked) => (await newest(place)) ?? buildCopy(needs, locked),
      );
    },

    /** Looks at the source and builds a new version when it has changed; clears away what is not in use. */
    async refresh(place: TemplatePlace): Promise<Refreshed> {
      return withTemplateLock(needs, place, async (locked) => {
        const copy = await newest(place);
        const isCurrent = copy !== undefined && (await isUsable(needs, locked, copy));
        const refreshed: Refreshed = isCurrent
          ? { outcome: 'unchanged', copy }
          : { outcome: 'built', copy: await buildCopy(needs, locked) };
        await clearAway(needs, locked);
        return refreshed;
      });
    },

    /** Drops every copy of a template from a server that is to be taken away, as far as nobody needs it. */
    async discardAll(place: TemplatePlace): Promise<void> {
      await withTemplateLock(needs, place, async (locked) => {
        const { template, server } = place;
        const copies = await listCopiesOnServer(needs.registry, server.id);
        for (const { id } of copies.filter(({ templateId }) => templateId === template.id)) {
          await loseCopy(needs.registry, id);
        }
        await clearAway(needs, locked);
      });
    },
  };
}

export type TemplateLibrary = ReturnType<typeof createTemplates>;

/** Whether the copy is as it was sealed, and the source as it was when the copy was made. */
async function isUsable(
  { registry, log }: TemplateNeeds,
  { template, server, session, signal }: LockedPlace,
  copy: NewestCopy,
): Promise<boolean> {
  const fault = await templateFault(session, copy.databaseName);
  if (fault !== undefined) {
    log.warn(
      { template: template.key, database: copy.databaseName, why: fault },
      'A template is lost and is built anew',
    );
    await loseCopy(registry, copy.id);
    return false;
  }
  const { dataTables, sourceDatabase } = template;
  const seen = await fingerprintSource(server, sourceDatabase, { dataTables, signal });
  await noteLook(registry, copy.id, seen);
  return seen === copy.sourceFingerprint;
}
