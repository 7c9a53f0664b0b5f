import type pg from 'pg';
import { type CreationOutcome, createClosedDatabase } from '../databases/create-database.ts';
import type {
  Fingerprint,
  NeutralRoles,
  ServerAddress,
  TenantDatabaseNames,
} from '../databases/database-server.ts';
import type { DatabaseSetting } from '../databases/database-settings.ts';
import { mapServerError } from '../databases/map-server-error.ts';
import { ensureNeutralRoles } from '../databases/neutral-roles.ts';
import { scramVerifier } from '../databases/scram-verifier.ts';
import { sealDatabase } from '../databases/seal-database.ts';
import type { ServerSession } from '../databases/server-session.ts';
import { openTenantConnection } from '../databases/tenant-connection.ts';
import { createTenantRoles, repairRolePassword } from '../databases/tenant-roles.ts';
import { type VerificationOutcome, verifyTenantDatabase } from '../databases/verify-database.ts';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { TemplateCopy } from '../registry/repositories/templates.ts';
import type { Passwords } from './credentials.ts';

/** A database that is being made, for a tenant or to be kept warm. */
export type DatabaseInMaking = {
  /** Holds the lock under which this is made. */
  session: ServerSession;
  address: ServerAddress;
  names: TenantDatabaseNames;
  passwords: Passwords;
  copy: Pick<
    TemplateCopy,
    'id' | 'databaseName' | 'fingerprint' | 'dataTables' | 'databaseSettings' | 'sizeBytes'
  >;
};

export type DatabaseMakingNeeds = {
  neutral: NeutralRoles;
  connectionsPerTenant: number;
  takeFingerprint: (client: pg.Client, dataTables: string[]) => Promise<Fingerprint>;
  /** Told of a copy that cannot be cloned any more, so that nobody else tries. */
  loseCopy: (copyId: string) => Promise<void>;
};

/** The four parts of making a database, in this order. Each may be repeated, also after a crash within it. */
export function createDatabaseMaking(needs: DatabaseMakingNeeds) {
  const { neutral } = needs;

  return {
    async createRoles({ session, names, passwords }: DatabaseInMaking): Promise<void> {
      await ensureNeutralRoles(session, neutral);
      await createTenantRoles(session, {
        names,
        neutral,
        verifiers: {
          migrator: scramVerifier(passwords.migrator),
          application: scramVerifier(passwords.application),
        },
        applicationConnectionLimit: needs.connectionsPerTenant,
      });
    },

    /** Clones the template into a database that nobody can enter yet. @throws template_lost */
    async cloneTemplate({ session, names, copy }: DatabaseInMaking): Promise<CreationOutcome> {
      try {
        return await createClosedDatabase(session, {
          database: names.database,
          template: copy.databaseName,
          settings: settingsOf(copy),
          sizeBytes: copy.sizeBytes ?? 0,
        });
      } catch (error) {
        if (isTemplateLost(error)) await needs.loseCopy(copy.id);
        throw error;
      }
    },

    /** Lets the two roles in and nobody else. */
    async seal({ session, names }: DatabaseInMaking): Promise<void> {
      await sealDatabase(session, { names, neutral });
    },

    /**
     * Logs in as both roles and compares the fingerprint with the template's, or with what a seed left; with
     * nothing while nobody knows what a seed left. A drifted password is set back once.
     * @returns the template's fingerprint. @throws verification_failed
     */
    async verify(
      making: DatabaseInMaking,
      expected: Fingerprint | 'unknown' = making.copy.fingerprint as Fingerprint,
    ): Promise<Fingerprint> {
      const first = await verifyOnce(needs, making, expected);
      if (first.outcome === 'passwordRefused') {
        await repairPasswords(making, first.roles);
        const second = await verifyOnce(needs, making, expected);
        if (second.outcome !== 'verified') {
          throw errors.verificationFailed(`the password of ${second.roles.join(' and ')} is refused`);
        }
      }
      return making.copy.fingerprint as Fingerprint;
    },

    /** The fingerprint as it is now, compared with nothing: what a seed left. */
    async takeFingerprint({
      session,
      address,
      names,
      passwords,
      copy,
    }: DatabaseInMaking): Promise<Fingerprint> {
      const login = { user: names.migratorRole, password: passwords.migrator };
      const place = { address, database: names.database, applicationName: 'tenant-manager verify' };
      try {
        const client = await openTenantConnection({ ...place, ...login, searchPath: 'pg_catalog' });
        return await needs.takeFingerprint(client, copy.dataTables).finally(() => client.end());
      } catch (error) {
        throw mapServerError(error, session.server);
      }
    },
  };
}

export type DatabaseMaking = ReturnType<typeof createDatabaseMaking>;

/** What is to be cloned is gone: another copy has to be had first. */
export function isTemplateLost(error: unknown): boolean {
  return error instanceof AppError && error.code === errors.templateLost.definition.code;
}

function settingsOf({ databaseSettings }: DatabaseInMaking['copy']): DatabaseSetting[] {
  return databaseSettings as DatabaseSetting[];
}

async function verifyOnce(
  { neutral, takeFingerprint }: DatabaseMakingNeeds,
  { session, address, names, passwords, copy }: DatabaseInMaking,
  expected: Fingerprint | 'unknown',
): Promise<VerificationOutcome> {
  const template = copy.fingerprint as Fingerprint;
  return verifyTenantDatabase({
    session,
    address,
    names,
    neutral,
    passwords,
    expected: expected === 'unknown' ? template : expected,
    settings: settingsOf(copy),
    inspect: async (client) => (expected === 'unknown' ? template : takeFingerprint(client, copy.dataTables)),
  });
}

async function repairPasswords(
  { session, names, passwords }: DatabaseInMaking,
  roles: readonly string[],
): Promise<void> {
  for (const role of roles) {
    const password = role === names.migratorRole ? passwords.migrator : passwords.application;
    await repairRolePassword(session, role, scramVerifier(password));
  }
}
