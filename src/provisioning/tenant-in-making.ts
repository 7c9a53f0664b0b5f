import { errors } from '../errors/catalogue.ts';
import { findCopy } from '../registry/repositories/templates.ts';
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

async function pinnedCopy(context: RunContext) {
  const { templateCopyId } = context.tenant;
  const copy = templateCopyId === null ? undefined : await findCopy(context.needs.registry, templateCopyId);
  if (copy === undefined) throw errors.verificationFailed('its template copy is gone');
  return copy;
}
