import { type Step, serverDeadlineMs } from '../step.ts';
import { type MakingNeeds, tenantInMaking } from '../tenant-in-making.ts';

/** Nobody gets a database that was not looked at through both of its logins. */
export function verifyDatabase(needs: MakingNeeds): Step {
  return {
    name: 'verify-database',
    deadlineMs: serverDeadlineMs,

    async run(context) {
      const fingerprint = await needs.making.verify(await tenantInMaking(needs, context));
      await context.save({ schemaFingerprint: JSON.stringify(fingerprint) });
    },
  };
}
