import { errors } from '../errors/catalogue.ts';
import { readDatabase } from './database-state.ts';
import type { ServerSession } from './server-session.ts';

type Session = Pick<ServerSession, 'rows'>;

/**
 * Why this database may not be cloned as a template; undefined when it is as it was sealed. A template that
 * somebody opened is not trusted any more: what they did in it shows in no catalog.
 */
export async function templateFault(session: Session, template: string): Promise<string | undefined> {
  const found = await readDatabase(session, template);
  if (found === undefined) return 'it does not exist';
  if (found.isInvalid) return 'an interrupted DROP left half of it';
  if (found.allowsConnections) return 'it was opened, so that its contents may have been changed';
  if (!found.isTemplate) return 'it is not marked as a template';
  return undefined;
}

/** @throws template_lost */
export async function assertTemplateSealed(session: Session, template: string): Promise<void> {
  const fault = await templateFault(session, template);
  if (fault !== undefined) throw errors.templateLost(template, fault);
}
