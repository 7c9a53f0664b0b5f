import type { Fingerprint } from '../../databases/database-server.ts';
import { type Step, serverDeadlineMs } from '../step.ts';
import { type MakingNeeds, tenantInMaking } from '../tenant-in-making.ts';

/** Nobody gets a database that was not looked at through both of its logins. */
export function verifyDatabase(needs: MakingNeeds): Step {
  return {
    name: 'verify-database',
    deadlineMs: serverDeadlineMs,

    async run(context) {
      const making = await tenantInMaking(needs, context);
      const { seedTransaction, seededAt, schemaFingerprint } = context.tenant;
      if (seedTransaction !== null || seededAt !== null) {
        // It was compared with the template before the seed began; the next step finds out what the seed left.
        await needs.making.verify(making, seededAt === null ? 'unknown' : (schemaFingerprint as Fingerprint));
        return;
      }
      const fingerprint = await needs.making.verify(making);
      const databaseSizeBytes = making.copy.sizeBytes;
      context.note({ schemaFingerprint: JSON.stringify(fingerprint), databaseSizeBytes });
    },
  };
}
