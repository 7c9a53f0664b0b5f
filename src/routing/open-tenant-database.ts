import type pg from 'pg';
import { sqlState } from '../databases/sql-state.ts';
import { openTenantConnection } from '../databases/tenant-connection.ts';
import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { MasterSeal } from '../registry/master-seal.ts';
import type { TenantDatabase } from './resolved-tenant.ts';

export type OpenTenantDatabase = (database: TenantDatabase) => Promise<pg.Client>;

export type OpenerNeeds = {
  readonly masterSeal: Pick<MasterSeal, 'unsealWithDataKey'>;
  /** Every tenant of the server can read it. */
  readonly applicationName: string;
  readonly statementTimeoutMs: number;
};

/**
 * Logs in as the tenant's application role; the password is in clear only for the time of the login. Where the server
 * refuses it and another one is pending, with that.
 */
export function createOpener({ masterSeal, ...session }: OpenerNeeds): OpenTenantDatabase {
  const logIn = (database: TenantDatabase, sealedPassword: string) =>
    openTenantConnection({
      ...session,
      address: database.server,
      database: database.name,
      user: database.role,
      password: masterSeal.unsealWithDataKey(database.sealedDataKey, sealedPassword, {
        owner: database.id,
        column: 'application_password',
      }),
    });

  return async (database) => {
    const { sealedPassword, pendingPassword } = database;
    try {
      return await logIn(database, sealedPassword);
    } catch (error) {
      if (pendingPassword === undefined || sqlState(error) !== '28P01') throw error;
      return logIn(database, pendingPassword);
    }
  };
}

/** Whether the role, the database or the server has all the connections that it may have: wait, do not fail. */
export const isOutOfSlots = (error: unknown): boolean => sqlState(error) === '53300';

/** Whether the registry may know better by now: a changed password or role, a database that went away. */
export function suggestsStaleRoute(error: unknown): boolean {
  const state = sqlState(error) ?? '';
  return state === '3D000' || state.startsWith('28');
}

/** What a failed login means for the request that wanted it. */
export function mapOpenError(error: unknown): AppError {
  return error instanceof AppError ? error : errors.tenantDatabaseUnavailable().causedBy(error);
}
