import { renameDatabase as rename } from '../../databases/rename-database.ts';
import { reservedNames, type Step, serverDeadlineMs } from '../step.ts';

/**
 * A claimed warm database gets its tenant's name. Both names are the tenant's until the registry knows that it
 * has happened; `create-roles` takes both back.
 */
export const renameDatabase: Step = {
  name: 'rename-database',
  deadlineMs: serverDeadlineMs,

  isDue: ({ tenant }) => tenant.renamedFrom !== null,

  async run(context) {
    const { renamedFrom } = context.tenant;
    if (renamedFrom === null) return;
    await rename(await context.session(), { from: renamedFrom, to: reservedNames(context).database });
    await context.save({ renamedFrom: null });
  },
};
