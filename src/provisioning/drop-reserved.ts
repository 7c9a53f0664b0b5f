import { dropDatabase, dropTenantDatabase } from '../databases/drop-database.ts';
import type { RunContext } from './run-context.ts';

/** Removes everything that exists under the tenant's names, also under the one that its database had before. */
export async function dropReserved(context: RunContext): Promise<void> {
  const { names, tenant } = context;
  if (names === null) return;
  const session = await context.session();
  // The roles stay until nothing refers to them any more.
  if (tenant.renamedFrom !== null) await dropDatabase(session, tenant.renamedFrom);
  await dropTenantDatabase(session, names);
}
