import { AppError } from '../errors/app-error.ts';
import { errors } from '../errors/catalogue.ts';
import type { Lease } from './lease.ts';
import { isSameLogin, type TenantDatabase } from './resolved-tenant.ts';

/** A password that is changed while messages are late may be refused once as the old and once as the new one. */
const mostTries = 3;

type Ways = {
  find: () => Promise<TenantDatabase>;
  acquire: (database: TenantDatabase) => Promise<Lease>;
};

/** Leases anew where the password was changed, or the database moved, while the request was on its way. */
export async function leaseAnew({ find, acquire }: Ways): Promise<Lease> {
  let database = await find();
  for (let tries = 1; ; tries += 1) {
    try {
      return await acquire(database);
    } catch (error) {
      if (!isUnavailable(error) || tries === mostTries) throw error;
      const current = await find();
      if (isSameLogin(current, database)) throw error;
      database = current;
    }
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof AppError && error.code === errors.tenantDatabaseUnavailable.definition.code;
}
