import type pg from 'pg';
import type { DatabaseServer, Fingerprint, NeutralRoles } from '../databases/database-server.ts';
import { openServerSession, type ServerSession } from '../databases/server-session.ts';
import type { RegistryDatabase } from '../registry/registry-database.ts';
import type { Tenant } from '../registry/repositories/tenants.ts';
import type { Logger } from '../telemetry/logger.ts';

export type Passwords = { readonly migrator: string; readonly application: string };

/** What belongs to this installation on every server. */
export type Ownership = {
  installationId: string;
  databasePrefix: string;
  neutral: NeutralRoles;
  /** Connections that a tenant's application role may have. */
  connectionsPerTenant: number;
};

export type ReconcileNeeds = {
  registry: RegistryDatabase;
  serverOf: (serverId: string) => Promise<DatabaseServer>;
  ownership: Ownership;
  openPasswords: (tenant: Tenant) => Passwords;
  /** Of structure and privileges; rows are the tenant's own affair. */
  takeFingerprint: (client: pg.Client) => Promise<Fingerprint>;
  /** Takes up again what has come to a halt, as a new run. */
  restartRun: (tenantId: string) => Promise<void>;
  /** Brings to its end what gave a tenant's roles new passwords and died over it. */
  finishRotation: (tenantId: string) => Promise<void>;
  loseCopy: (copyId: string) => Promise<void>;
  applicationName: string;
  log: Logger;
};

const statementTimeoutMs = 60_000;

/** A session of the platform on that server for as long as `work` takes. */
export async function withSession<Result>(
  { serverOf, applicationName }: Pick<ReconcileNeeds, 'serverOf' | 'applicationName'>,
  serverId: string,
  work: (session: ServerSession, server: DatabaseServer) => Promise<Result>,
): Promise<Result> {
  const server = await serverOf(serverId);
  const session = await openServerSession(server, { applicationName, statementTimeoutMs });
  try {
    return await work(session, server);
  } finally {
    await session.close();
  }
}
