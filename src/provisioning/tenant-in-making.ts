import { errors } from '../errors/catalogue.ts';
import { findCopy, type TemplateCopy } from '../registry/repositories/templates.ts';
import type { Credentials } from './credentials.ts';
import type { DatabaseInMaking, DatabaseMaking } from './database-making.ts';
import type { RunContext } from './run-context.ts';
import { reservedNames } from './step.ts';

export type MakingNeeds = { making: DatabaseMaking; credentials: Credentials };

/** The database of the run's tenant: its reserved names and passwords, and the template that it pinned. */
export async function tenantInMaking(
  { credentials }: MakingNeeds,
  context: RunContext,
): Promise<DatabaseInMaking> {
  return {
    session: await context.session(),
    address: await context.server(),
    names: reservedNames(context),
    passwords: credentials.open(context.tenant),
    copy: await pinnedCopy(context),
  };
}

/** By attempt: what is cloned from a copy never changes while it is pinned. */
const pinned = new WeakMap<RunContext, TemplateCopy>();

async function pinnedCopy(context: RunContext): Promise<TemplateCopy> {
  const { templateCopyId } = context.tenant;
  const known = pinned.get(context);
  if (known !== undefined && known.id === templateCopyId) return known;
  const copy = templateCopyId === null ? undefined : await findCopy(context.needs.registry, templateCopyId);
  if (copy === undefined) throw errors.verificationFailed('its template copy is gone');
  pinned.set(context, copy);
  return copy;
}
