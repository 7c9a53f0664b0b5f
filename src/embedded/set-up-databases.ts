import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { KeptSecrets } from './kept-secrets.ts';
import { withLocalConnection } from './local-connection.ts';

export const REGISTRY = 'tenant_manager';
export const SAMPLE = 'sample_crm';
const APPLICATION = 'tenant-manager/set-up';

type SetUp = { port: number; secrets: KeptSecrets; samplePath: string };

// The names here are constants of this file, so they need no quoting.

/**
 * Closes the server's own databases to strangers, makes the registry's login and database, and the source
 * database with the sample schema. Does only what is missing, so a set-up that was cut off is completed.
 */
export async function setUpDatabases({ port, secrets, samplePath }: SetUp): Promise<void> {
  const password = secrets.POSTGRES_ADMIN_PASSWORD;
  const admin = { port, user: 'postgres', password, database: 'postgres', applicationName: APPLICATION };
  await withLocalConnection(admin, async (client) => {
    await endFormerSetUp(client);
    await client.query('REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC');
    await ensureRole(client, REGISTRY);
    await setPassword(client, REGISTRY, secrets.REGISTRY_PASSWORD);
    await client.query(`ALTER ROLE ${REGISTRY} LOGIN`);
    await ensureDatabase(client, REGISTRY);
    await ensureRole(client, SAMPLE);
    await ensureDatabase(client, SAMPLE);
    if (await awaitsSample(client)) await loadSample({ client, port, samplePath });
  });
}

/**
 * What a killed process has sent runs on in the server: its half-made database or half-loaded sample would collide
 * with ours. Only the holder of the instance lock sets up, so every other session of this name is such a rest.
 */
async function endFormerSetUp(client: pg.Client): Promise<void> {
  for (;;) {
    const rest = await client.query(
      `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
        WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid()`,
      [APPLICATION],
    );
    if (rest.rowCount === 0) return;
    await delay(20);
  }
}

async function ensureRole(client: pg.Client, role: string): Promise<void> {
  const found = await client.query('SELECT FROM pg_catalog.pg_roles WHERE rolname = $1', [role]);
  if (found.rowCount === 0)
    await client.query(`CREATE ROLE ${role} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE`);
}

/** ALTER ROLE takes no bound values, so the password goes in by a setting, and PostgreSQL does the quoting. */
async function setPassword(client: pg.Client, role: string, password: string): Promise<void> {
  await client.query("SELECT set_config('tenant_manager.password', $1, false)", [password]);
  await client.query(`DO $$ BEGIN
    EXECUTE format('ALTER ROLE ${role} PASSWORD %L', current_setting('tenant_manager.password'));
  END $$`);
}

/** A new database is open to every login until PUBLIC is shut out, so it is made unconnectable. */
async function ensureDatabase(client: pg.Client, name: string): Promise<void> {
  const found = await client.query('SELECT FROM pg_catalog.pg_database WHERE datname = $1', [name]);
  if (found.rowCount === 0) {
    await client.query(`CREATE DATABASE ${name} OWNER ${name} ALLOW_CONNECTIONS false`);
  }
  await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
  await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
}

/** False when it was loaded, and when the operator has put a database of their own in its place. */
async function awaitsSample(client: pg.Client): Promise<boolean> {
  const found = await client.query(
    `SELECT FROM pg_catalog.pg_database
      WHERE datname = $1 AND pg_catalog.pg_get_userbyid(datdba) = $1
        AND pg_catalog.shobj_description(oid, 'pg_database') IS NULL`,
    [SAMPLE],
  );
  return found.rowCount === 1;
}

type SampleLoad = { client: pg.Client; port: number; samplePath: string };

/**
 * Loads the sample as its own role, never as superuser, in one transaction with the mark that says so. The mark
 * is the database's comment: it is not part of the schema that tenants get. The role can log in only meanwhile.
 */
async function loadSample({ client, port, samplePath }: SampleLoad): Promise<void> {
  const sample = await readFile(samplePath, 'utf8');
  const password = randomBytes(32).toString('hex');
  const login = { port, user: SAMPLE, password, database: SAMPLE, applicationName: APPLICATION };
  await setPassword(client, SAMPLE, password);
  await client.query(`ALTER ROLE ${SAMPLE} LOGIN`);
  await withLocalConnection(login, async (owner) => {
    const occupied = await owner.query(
      "SELECT FROM pg_catalog.pg_class WHERE relnamespace = 'public'::regnamespace LIMIT 1",
    );
    const script = occupied.rowCount === 0 ? sample : '';
    await owner.query(
      `BEGIN;\n${script}\n;COMMENT ON DATABASE ${SAMPLE} IS 'Sample CRM of tenant-manager'; COMMIT;`,
    );
  });
  await client.query(`ALTER ROLE ${SAMPLE} NOLOGIN PASSWORD NULL`);
}
