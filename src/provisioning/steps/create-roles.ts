import { dropReserved } from '../drop-reserved.ts';
import { type Step, serverDeadlineMs } from '../step.ts';
import { type MakingNeeds, tenantInMaking } from '../tenant-in-making.ts';

export function createRoles(needs: MakingNeeds): Step {
  return {
    name: 'create-roles',
    deadlineMs: serverDeadlineMs,

    async run(context) {
      await needs.making.createRoles(await tenantInMaking(needs, context));
    },

    /** The database goes with its roles, which have rights on it. */
    undo: dropReserved,
  };
}
