import type { NeutralRoles, TenantDatabaseNames } from './database-server.ts';
import { quoteIdentifier } from './quote.ts';
import { retryConcurrentUpdate } from './retry-concurrent-update.ts';
import type { ServerSession } from './server-session.ts';

export type Seal = {
  readonly names: TenantDatabaseNames;
  readonly neutral: NeutralRoles;
  /** Only the rights are set: who closed it opens it again. */
  readonly leavesClosed?: boolean;
};

/**
 * Lets the tenant's two roles into its database, and nobody else; opens it last. One transaction, so that no
 * moment exists in which it is open to PUBLIC. Idempotent; also opens what `closeDatabase` closed.
 */
export async function sealDatabase(
  session: ServerSession,
  { names, neutral, leavesClosed = false }: Seal,
): Promise<void> {
  const database = quoteIdentifier(names.database);
  const roles = `${quoteIdentifier(names.migratorRole)}, ${quoteIdentifier(names.applicationRole)}`;
  const statements = [
    `REVOKE ALL ON DATABASE ${database} FROM PUBLIC`,
    `GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO ${roles}`,
    // Migrations run as the neutral owner and make schemas and trusted extensions.
    `GRANT CREATE ON DATABASE ${database} TO ${quoteIdentifier(neutral.owner)}`,
    ...(leavesClosed ? [] : [`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`]),
  ];
  await retryConcurrentUpdate(() => session.run(statements.join(';\n')));
}
