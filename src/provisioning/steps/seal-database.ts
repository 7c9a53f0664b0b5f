import { type Step, serverDeadlineMs } from '../step.ts';
import { type MakingNeeds, tenantInMaking } from '../tenant-in-making.ts';

/** Lets the tenant's own roles in and nobody else. `create-roles` takes it back. */
export function sealDatabase(needs: MakingNeeds): Step {
  return {
    name: 'seal-database',
    deadlineMs: serverDeadlineMs,

    async run(context) {
      await needs.making.seal(await tenantInMaking(needs, context));
    },
  };
}
