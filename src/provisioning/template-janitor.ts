import { discardTemplate } from '../databases/template-database.ts';
import {
  claimForDropping,
  forgetDroppedCopy,
  listCopiesToDrop,
} from '../registry/repositories/template-copies.ts';
import type { TemplateCopy } from '../registry/repositories/templates.ts';
import type { LockedPlace } from './template-lock.ts';
import type { TemplateNeeds } from './template-place.ts';

/**
 * Drops what is not in use of a template on a server: what a crash left unfinished or half dropped, and copies
 * that were replaced, once no tenant in the making and no warm database needs them. What cannot be dropped now
 * keeps nobody from working, and stays until the next look.
 */
export async function clearAway(needs: TemplateNeeds, place: LockedPlace): Promise<void> {
  const { template, server } = place;
  const copies = await listCopiesToDrop(needs.registry, { templateId: template.id, serverId: server.id });
  for (const copy of copies) {
    place.signal.throwIfAborted();
    try {
      await dropCopy(needs, place, copy);
    } catch (error) {
      place.signal.throwIfAborted();
      needs.log.warn(
        { err: error, template: copy.databaseName },
        'A template that is not in use could not be dropped; it is tried again at the next look',
      );
    }
  }
}

/** Drops a copy that is not ready, unless somebody needs it. May be repeated after a crash within it. */
export async function dropCopy(
  { registry, around, log }: TemplateNeeds,
  { session, template }: LockedPlace,
  copy: Pick<TemplateCopy, 'id' | 'databaseName' | 'builderRole'>,
): Promise<void> {
  if (!(await claimForDropping(registry, copy.id))) return;
  const names = { template: copy.databaseName, builderRole: copy.builderRole };
  await around('drop-template', () => discardTemplate(session, names));
  await forgetDroppedCopy(registry, copy.id);
  log.info(
    { template: template.key, database: copy.databaseName },
    'A template that nobody uses was dropped',
  );
}
