import type { Step } from '../step.ts';
import { type MakingNeeds, tenantInMaking } from '../tenant-in-making.ts';

/** Clones the pinned template into a database that nobody can enter yet. `create-roles` takes it back. */
export function createDatabase(needs: MakingNeeds): Step {
  return {
    name: 'create-database',

    async run(context) {
      await needs.making.cloneTemplate(await tenantInMaking(needs, context));
    },
  };
}
