import pg from 'pg';
import { clientConfig } from '../../src/databases/client-config.ts';
import { createClosedDatabase } from '../../src/databases/create-database.ts';
import { newNamePart } from '../../src/databases/database-name.ts';
import type {
  DatabaseServer,
  Fingerprint,
  NeutralRoles,
  TenantDatabaseNames,
} from '../../src/databases/database-server.ts';
import { ensureNeutralRoles } from '../../src/databases/neutral-roles.ts';
import { newPassword, scramVerifier } from '../../src/databases/scram-verifier.ts';
import { sealDatabase } from '../../src/databases/seal-database.ts';
import { openServerSession, type ServerSession } from '../../src/databases/server-session.ts';
import { openTenantConnection } from '../../src/databases/tenant-connection.ts';
import { createTenantRoles } from '../../src/databases/tenant-roles.ts';
import { startTestPostgres, type TestPostgresOptions } from '../support/postgres-server.ts';

export type Tenant = {
  names: TenantDatabaseNames;
  passwords: { migrator: string; application: string };
  verifiers: { migrator: string; application: string };
};

export type TenantServer = Awaited<ReturnType<typeof startTenantServer>>;

export const template = 'tm_template_test';
export const neutral: NeutralRoles = { owner: 'tm_owner_test', application: 'tm_app_test' };
export const anyFingerprint: Fingerprint = { structure: 's', privileges: 'p', carriedRows: 'c' };

const templateSql = `
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA public TO ${neutral.application};
  GRANT USAGE, CREATE ON SCHEMA public TO ${neutral.owner};
  SET ROLE ${neutral.owner};
  ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${neutral.application};
  ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO ${neutral.application};
  CREATE TABLE public.contact (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
  RESET ROLE`;

/** A server with the neutral roles and a small template, made by hand. */
export async function startTenantServer(options: TestPostgresOptions = {}) {
  const postgres = await startTestPostgres(options);
  const server: DatabaseServer = {
    id: 'test-server',
    host: postgres.host,
    port: postgres.port,
    tls: { mode: 'disable' },
    admin: postgres.admin,
  };
  const sessions: ServerSession[] = [];
  const clients: pg.Client[] = [];

  async function openSession(as: DatabaseServer = server): Promise<ServerSession> {
    const session = await openServerSession(as, { applicationName: 'test', statementTimeoutMs: 20_000 });
    sessions.push(session);
    return session;
  }

  /** A login as any role, ended with the server at the latest. */
  async function logIn(user: string, password: string, database: string): Promise<pg.Client> {
    const request = { address: server, database, user, password, applicationName: 'test' };
    const client = await openTenantConnection(request);
    clients.push(client);
    return client;
  }

  async function asSuperuser(database: string, sql: string): Promise<pg.QueryResult> {
    const { user, password } = server.admin;
    const request = { address: server, database, user, password, applicationName: 'test' };
    const client = new pg.Client(clientConfig(request));
    await client.connect();
    return client.query(sql).finally(() => client.end());
  }

  async function makeTenant(session: ServerSession, tenant = newTenant(), roles = neutral): Promise<Tenant> {
    await createTenantRoles(session, { ...tenant, neutral: roles, applicationConnectionLimit: 10 });
    await createClosedDatabase(session, { database: tenant.names.database, template });
    await sealDatabase(session, { names: tenant.names, neutral: roles });
    return tenant;
  }

  /** The roles have connection limits: call it after each test. */
  async function endLogins(): Promise<void> {
    await Promise.allSettled(clients.splice(0).map((client) => client.end()));
  }

  async function stop(): Promise<void> {
    await endLogins();
    await Promise.all(sessions.map((open) => open.close()));
    await postgres.stop();
  }

  const session = await openSession();
  await ensureNeutralRoles(session, neutral);
  await session.run(`CREATE DATABASE ${template}`);
  await session.run('REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC');
  await asSuperuser(template, templateSql);
  await session.run(`ALTER DATABASE ${template} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`);
  return { postgres, server, session, openSession, logIn, endLogins, asSuperuser, makeTenant, stop };
}

export function newTenant(): Tenant {
  const id = newNamePart();
  const passwords = { migrator: newPassword(), application: newPassword() };
  return {
    names: { database: `t_${id}`, migratorRole: `m_${id}`, applicationRole: `a_${id}` },
    passwords,
    verifiers: {
      migrator: scramVerifier(passwords.migrator),
      application: scramVerifier(passwords.application),
    },
  };
}
