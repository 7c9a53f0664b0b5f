import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { createClosedDatabase } from '../../src/databases/create-database.ts';
import type { DatabaseServer, TenantDatabaseNames } from '../../src/databases/database-server.ts';
import { newPassword, scramVerifier } from '../../src/databases/scram-verifier.ts';
import { sealDatabase } from '../../src/databases/seal-database.ts';
import { openServerSession } from '../../src/databases/server-session.ts';
import { sqlState } from '../../src/databases/sql-state.ts';
import { openTenantConnection } from '../../src/databases/tenant-connection.ts';
import { createTenantRoles } from '../../src/databases/tenant-roles.ts';
import { createCredentials, type Passwords } from '../../src/provisioning/credentials.ts';
import { createNaming } from '../../src/provisioning/database-names.ts';
import { readInstallation } from '../../src/registry/repositories/installation.ts';
import { createWorkerOpener, createWorkerSealer } from '../../src/registry/worker-seal.ts';
import { startTestPostgres, type TestPostgres } from '../support/postgres-server.ts';
import { type Bench, createProvisioningBench } from '../support/provisioning-bench.ts';

/** The logins of one tenant. */
export type Inhabitant = { tenantId: string; names: TenantDatabaseNames; passwords: Passwords };

/**
 * `freed`: the migrator after SET ROLE NONE, which is its login without the neutral owner in between. RESET ROLE
 * would go back to the neutral owner.
 */
export type Who = 'application' | 'migrator' | 'freed' | 'stranger';

export type IsolationPlace = Awaited<ReturnType<typeof openIsolationPlace>>;

export const allowed = 'allowed';

/** What was tried by whom on a server, said by its SQLSTATE. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return allowed;
  } catch (error) {
    const state = sqlState(error);
    if (state === undefined) throw error;
    return state;
  }
}

/**
 * A server that is closed to strangers as an embedded one is, with two tenants that provisioning made, one
 * database that belongs to no tenant yet, one that is being made, and a login that belongs to nobody.
 */
export async function openIsolationPlace() {
  const postgres = await startTestPostgres();
  const bench = await createProvisioningBench({ server: postgres });
  try {
    return await furnish(postgres, bench);
  } catch (error) {
    console.error(bench.lines.join(''));
    await bench.stop();
    await postgres.stop();
    throw error;
  }
}

async function furnish(postgres: TestPostgres, bench: Bench) {
  const { host, port, admin } = postgres;
  const { registry, masterSeal } = bench.platform;
  const server: DatabaseServer = { id: 'test-server', host, port, tls: { mode: 'disable' }, admin };
  const session = await openServerSession(server, { applicationName: 'test', statementTimeoutMs: 30_000 });
  const closed = ['postgres', 'template1', bench.registryName, bench.sourceName];
  await session.run(`REVOKE ALL ON DATABASE ${closed.join(', ')} FROM PUBLIC`);
  const worker = createWorkerOpener(bench.config.WORKER_SECRET_KEY ?? '');
  const credentials = createCredentials({
    masterSeal,
    worker: { ...worker, ...createWorkerSealer(worker.publicKey) },
  });
  const { installationId } = await readInstallation(registry);
  const naming = createNaming({
    installationId,
    databasePrefix: bench.config.TENANT_DB_PREFIX,
    style: 'opaque',
  });
  const clients: pg.Client[] = [];

  /** Through the whole of provisioning. */
  async function provision(name: string): Promise<Inhabitant> {
    const { tenantId, runId } = await bench.request(name);
    const run = await bench.provisioning.waitForRun(runId, 60_000);
    if (run?.status !== 'completed') throw new Error(`Provisioning ended as ${JSON.stringify(run)}`);
    const tenant = await readTenant(tenantId);
    const { databaseName, migratorRole, applicationRole } = tenant;
    if (!databaseName || !migratorRole || !applicationRole) throw new Error('The tenant has no database.');
    const names = { database: databaseName, migratorRole, applicationRole };
    return { tenantId, names, passwords: credentials.open(tenant) };
  }

  const readTenant = (id: string) =>
    registry.selectFrom('tenantRegistry').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

  async function logIn(user: string, password: string, database: string): Promise<pg.Client> {
    const client = await openTenantConnection({
      address: server,
      database,
      user,
      password,
      applicationName: 'tenant',
    });
    clients.push(client);
    return client;
  }

  const first = await provision('Confidential Bakery');
  const second = await provision('Discreet Florist');
  const { databaseName: template } = await registry
    .selectFrom('templateCopies')
    .select('databaseName')
    .executeTakeFirstOrThrow();
  const spare = await makeDatabase();
  await sealDatabase(session, { names: spare, neutral: naming.neutral });
  const unfinished = await makeDatabase();
  const stranger = { user: `stranger_${randomUUID().slice(0, 8)}`, password: newPassword() };
  await session.run(
    `CREATE ROLE ${stranger.user} LOGIN PASSWORD '${scramVerifier(stranger.password)}' CONNECTION LIMIT 50`,
  );

  /** A clone that no tenant has: closed, until it is sealed. */
  async function makeDatabase(): Promise<TenantDatabaseNames> {
    const names = naming.newTenantNames('unused');
    const verifiers = { migrator: scramVerifier(newPassword()), application: scramVerifier(newPassword()) };
    const { neutral } = naming;
    await createTenantRoles(session, { names, neutral, verifiers, applicationConnectionLimit: 5 });
    await createClosedDatabase(session, { database: names.database, template });
    return names;
  }

  /**
   * In the tenant's own database unless told otherwise. A backend that was left holds its seat a moment longer,
   * and "no seat" is no answer to whether this login may enter: then it asks again.
   */
  async function logInAs(who: Who, inhabitant: Inhabitant, database?: string): Promise<pg.Client> {
    for (let attemptsLeft = 500; ; attemptsLeft -= 1) {
      try {
        return await tryLogInAs(who, inhabitant, database);
      } catch (error) {
        if (sqlState(error) !== '53300' || attemptsLeft === 0) throw error;
        await delay(20);
      }
    }
  }

  async function tryLogInAs(
    who: Who,
    { names, passwords }: Inhabitant,
    database = names.database,
  ): Promise<pg.Client> {
    if (who === 'stranger') return logIn(stranger.user, stranger.password, database);
    if (who === 'application') return logIn(names.applicationRole, passwords.application, database);
    const client = await logIn(names.migratorRole, passwords.migrator, database);
    if (who === 'freed') await client.query('SET ROLE NONE');
    return client;
  }

  /** One statement on a connection of its own: nothing that was set before it counts. */
  async function attempt(who: Who, inhabitant: Inhabitant, sql: string): Promise<string> {
    const client = await logInAs(who, inhabitant);
    return outcomeOf(client.query(sql)).finally(() => client.end());
  }

  async function stop(): Promise<void> {
    await Promise.allSettled(clients.map((client) => client.end()));
    await session.close();
    await bench.stop();
    await postgres.stop();
  }

  return {
    bench,
    server,
    session,
    neutral: naming.neutral,
    template,
    first,
    second,
    spare,
    unfinished,
    provision,
    readTenant,
    logInAs,
    tryLogInAs,
    attempt,
    /** The superusers, and whoever else of the installation's roles got a right on the whole server. */
    async powerful(): Promise<string[]> {
      const rows = await session.rows<{ name: string }>(
        `SELECT rolname::text AS name FROM pg_roles
          WHERE rolsuper OR oid >= 16384 AND (rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)
             OR oid >= 16384 AND EXISTS (SELECT FROM pg_auth_members m WHERE m.member = pg_roles.oid AND m.roleid < 16384)
          ORDER BY 1`,
      );
      return rows.map(({ name }) => name);
    },
    stop,
  };
}
