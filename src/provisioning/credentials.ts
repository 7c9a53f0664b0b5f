import { newPassword } from '../databases/scram-verifier.ts';
import { errors } from '../errors/catalogue.ts';
import type { MasterSeal } from '../registry/master-seal.ts';
import type { Tenant } from '../registry/repositories/tenants.ts';
import type { WorkerOpener, WorkerSealer } from '../registry/worker-seal.ts';

export type Passwords = { readonly migrator: string; readonly application: string };

type SealedPasswords = Pick<
  Tenant,
  'databaseId' | 'sealedDataKey' | 'sealedApplicationPassword' | 'sealedMigratorPassword'
>;

export const applicationColumn = 'application_password';
const migratorColumn = 'migrator_password';

/**
 * The passwords of a tenant's two roles. They are made and kept before the roles exist, so that whoever
 * resumes sets the same ones, and bound to the database's id.
 */
export function createCredentials(needs: { masterSeal: MasterSeal; worker: WorkerOpener & WorkerSealer }) {
  const { masterSeal, worker } = needs;

  return {
    /** Columns of the tenant's row with new sealed passwords. */
    sealNew(databaseId: string) {
      const sealedDataKey = masterSeal.newDataKey(databaseId);
      return {
        sealedDataKey,
        sealedApplicationPassword: masterSeal.sealWithDataKey(sealedDataKey, newPassword(), {
          owner: databaseId,
          column: applicationColumn,
        }),
        sealedMigratorPassword: worker.sealForWorker(newPassword(), {
          owner: databaseId,
          column: migratorColumn,
        }),
      };
    },

    /** @throws seal_broken when a sealed value is missing or of another database. */
    open(sealed: SealedPasswords): Passwords {
      const { databaseId, sealedDataKey, sealedApplicationPassword, sealedMigratorPassword } = sealed;
      if (!databaseId || !sealedDataKey || !sealedApplicationPassword || !sealedMigratorPassword) {
        throw errors.sealBroken('tenant_registry');
      }
      return {
        migrator: worker.openAsWorker(sealedMigratorPassword, { owner: databaseId, column: migratorColumn }),
        application: masterSeal.unsealWithDataKey(sealedDataKey, sealedApplicationPassword, {
          owner: databaseId,
          column: applicationColumn,
        }),
      };
    },
  };
}

export type Credentials = ReturnType<typeof createCredentials>;
