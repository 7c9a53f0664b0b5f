import type pg from 'pg';
import type { Fingerprint } from '../../databases/database-server.ts';
import { scramVerifier } from '../../databases/scram-verifier.ts';
import { repairRolePassword } from '../../databases/tenant-roles.ts';
import {
  type Verification,
  type VerificationOutcome,
  verifyTenantDatabase,
} from '../../databases/verify-database.ts';
import { errors } from '../../errors/catalogue.ts';
import type { Credentials, Passwords } from '../credentials.ts';
import type { RunContext } from '../run-context.ts';
import { reservedNames, type Step } from '../step.ts';
import { pinnedCopy } from './create-database.ts';

export type VerifyNeeds = {
  credentials: Credentials;
  takeFingerprint: (client: pg.Client, dataTables: string[]) => Promise<Fingerprint>;
};

/** Logs in as both roles and compares the fingerprint with the template's. A drifted password is set back once. */
export function verifyDatabase(needs: VerifyNeeds): Step {
  return {
    name: 'verify-database',

    async run(context) {
      const passwords = needs.credentials.open(context.tenant);
      const { fingerprint, dataTables } = await pinnedCopy(context);
      const expected = fingerprint as Fingerprint;
      const inspect = (client: pg.Client) => needs.takeFingerprint(client, dataTables);
      const verify = () => verifyOnce(context, { inspect, passwords, expected });
      const first = await verify();
      if (first.outcome === 'passwordRefused') {
        await repairPasswords(context, first.roles, passwords);
        const second = await verify();
        if (second.outcome !== 'verified') {
          throw errors.verificationFailed(`the password of ${second.roles.join(' and ')} is refused`);
        }
      }
      await context.save({ schemaFingerprint: JSON.stringify(expected) });
    },
  };
}

type Expectation = { inspect: Verification['inspect']; passwords: Passwords; expected: Fingerprint };

async function verifyOnce(context: RunContext, expectation: Expectation): Promise<VerificationOutcome> {
  return verifyTenantDatabase({
    session: await context.session(),
    address: await context.server(),
    names: reservedNames(context),
    neutral: context.needs.neutral,
    ...expectation,
  });
}

async function repairPasswords(
  context: RunContext,
  roles: readonly string[],
  passwords: Passwords,
): Promise<void> {
  const session = await context.session();
  for (const role of roles) {
    const password = role === context.names?.migratorRole ? passwords.migrator : passwords.application;
    await repairRolePassword(session, role, scramVerifier(password));
  }
}
