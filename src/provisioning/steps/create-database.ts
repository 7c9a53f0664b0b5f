import { createClosedDatabase } from '../../databases/create-database.ts';
import { dropTenantDatabase } from '../../databases/drop-database.ts';
import { errors } from '../../errors/catalogue.ts';
import { findCopy } from '../../registry/repositories/templates.ts';
import type { RunContext } from '../run-context.ts';
import { reservedNames, type Step } from '../step.ts';

/** Clones the pinned template into a database that nobody can enter yet. */
export const createDatabase: Step = {
  name: 'create-database',

  async run(context) {
    const copy = await pinnedCopy(context);
    await createClosedDatabase(await context.session(), {
      database: reservedNames(context).database,
      template: copy.databaseName,
    });
  },

  async undo(context) {
    if (context.names !== null) await dropTenantDatabase(await context.session(), context.names);
  },
};

export async function pinnedCopy(context: RunContext) {
  const { templateCopyId } = context.tenant;
  const copy = templateCopyId === null ? undefined : await findCopy(context.needs.registry, templateCopyId);
  if (copy === undefined) throw errors.verificationFailed('its template copy is gone');
  return copy;
}
