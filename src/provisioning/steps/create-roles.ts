import { dropTenantDatabase } from '../../databases/drop-database.ts';
import { ensureNeutralRoles } from '../../databases/neutral-roles.ts';
import { scramVerifier } from '../../databases/scram-verifier.ts';
import { createTenantRoles } from '../../databases/tenant-roles.ts';
import type { Credentials } from '../credentials.ts';
import { reservedNames, type Step } from '../step.ts';

export function createRoles(needs: { credentials: Credentials; connectionsPerTenant: number }): Step {
  return {
    name: 'create-roles',

    async run(context) {
      const session = await context.session();
      const passwords = needs.credentials.open(context.tenant);
      const { neutral } = context.needs;
      await ensureNeutralRoles(session, neutral);
      await createTenantRoles(session, {
        names: reservedNames(context),
        neutral,
        verifiers: {
          migrator: scramVerifier(passwords.migrator),
          application: scramVerifier(passwords.application),
        },
        applicationConnectionLimit: needs.connectionsPerTenant,
      });
    },

    async undo(context) {
      if (context.names !== null) await dropTenantDatabase(await context.session(), context.names);
    },
  };
}
