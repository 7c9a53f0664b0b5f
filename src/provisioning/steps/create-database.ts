import { isTemplateLost } from '../database-making.ts';
import { type Step, serverDeadlineMs } from '../step.ts';
import { type MakingNeeds, tenantInMaking } from '../tenant-in-making.ts';

/** Clones the pinned template into a database that nobody can enter yet. `create-roles` takes it back. */
export function createDatabase(needs: MakingNeeds): Step {
  return {
    name: 'create-database',
    deadlineMs: serverDeadlineMs,

    async run(context) {
      try {
        await needs.making.cloneTemplate(await tenantInMaking(needs, context));
      } catch (error) {
        // Nothing was made of it: the next attempt pins the copy that is built in its place.
        if (isTemplateLost(error)) await context.save({ templateCopyId: null, templateVersionId: null });
        throw error;
      }
    },
  };
}
