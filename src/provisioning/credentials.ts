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
type PendingPasswords = Pick<
  Tenant,
  'databaseId' | 'sealedDataKey' | 'pendingApplicationPassword' | 'pendingMigratorPassword'
>;

export const applicationColumn = 'application_password';
const migratorColumn = 'migrator_password';

/**
 * The passwords of a tenant's two roles. They are made and kept before the roles exist, so that whoever
 * resumes sets the same ones, and bound to the database's id.
 */
export function createCredentials(needs: { masterSeal: MasterSeal; worker: WorkerOpener & WorkerSealer }) {
  const { masterSeal, worker } = needs;

  const seal = (databaseId: string, sealedDataKey: string) => ({
    application: masterSeal.sealWithDataKey(sealedDataKey, newPassword(), {
      owner: databaseId,
      column: applicationColumn,
    }),
    migrator: worker.sealForWorker(newPassword(), { owner: databaseId, column: migratorColumn }),
  });

  /** @throws seal_broken when a sealed value is missing or of another database. */
  function open(sealed: SealedPasswords): Passwords {
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
  }

  return {
    /** Columns of the tenant's row with new sealed passwords. */
    sealNew(databaseId: string) {
      const sealedDataKey = masterSeal.newDataKey(databaseId);
      const { application, migrator } = seal(databaseId, sealedDataKey);
      return { sealedDataKey, sealedApplicationPassword: application, sealedMigratorPassword: migrator };
    },

    /** Columns with the passwords that are to follow; bound as the present ones are, whose places they take. */
    sealPending({ databaseId, sealedDataKey }: Pick<Tenant, 'databaseId' | 'sealedDataKey'>) {
      if (!databaseId || !sealedDataKey) throw errors.sealBroken('tenant_registry');
      const { application, migrator } = seal(databaseId, sealedDataKey);
      return { pendingApplicationPassword: application, pendingMigratorPassword: migrator };
    },

    open,

    /** @throws seal_broken */
    openPending: ({ pendingApplicationPassword, pendingMigratorPassword, ...bound }: PendingPasswords) =>
      open({
        ...bound,
        sealedApplicationPassword: pendingApplicationPassword,
        sealedMigratorPassword: pendingMigratorPassword,
      }),
  };
}

export type Credentials = ReturnType<typeof createCredentials>;
