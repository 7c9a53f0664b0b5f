import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeDatabase } from '../../src/databases/close-database.ts';
import { createClosedDatabase } from '../../src/databases/create-database.ts';
import { newNamePart } from '../../src/databases/database-name.ts';
import type { DatabaseServer } from '../../src/databases/database-server.ts';
import { dropTenantDatabase } from '../../src/databases/drop-database.ts';
import { fingerprintDatabase } from '../../src/databases/fingerprint.ts';
import { ensureNeutralRoles } from '../../src/databases/neutral-roles.ts';
import { newPassword, scramVerifier } from '../../src/databases/scram-verifier.ts';
import { sealDatabase } from '../../src/databases/seal-database.ts';
import { openServerSession, type ServerSession } from '../../src/databases/server-session.ts';
import { sqlState } from '../../src/databases/sql-state.ts';
import { buildTemplate } from '../../src/databases/template-build.ts';
import { discardTemplate } from '../../src/databases/template-database.ts';
import { createTenantRoles, repairRolePassword } from '../../src/databases/tenant-roles.ts';
import { verifyTenantDatabase } from '../../src/databases/verify-database.ts';
import { plainly } from '../../src/provisioning/failpoints.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { sharedPostgres } from '../support/shared-postgres.ts';
import { openTemplatePlace, type TemplatePlace } from './template-place.ts';
import { newTenant } from './tenant-server.ts';

failOnLeaks();

const id = newNamePart();
const neutral = { owner: `tm_managed_owner_${id}`, application: `tm_managed_app_${id}` };
const names = { template: `tm_managed_template_${id}`, builderRole: `tm_managed_builder_${id}` };
const managed = { user: `managed_${id}`, password: newPassword() };

let on: TemplatePlace;
let server: DatabaseServer;
let session: ServerSession;

beforeAll(async () => {
  on = await openTemplatePlace();
  server = { ...on.server, admin: managed };
  const login = `LOGIN CREATEDB CREATEROLE PASSWORD '${scramVerifier(managed.password)}'`;
  await on.session.run(`CREATE ROLE ${managed.user} ${login} IN ROLE pg_signal_backend`);
  await on.session.run(`GRANT CONNECT ON DATABASE postgres TO ${managed.user}`);
  session = await openServerSession(server, { applicationName: 'test', statementTimeoutMs: 30_000 });
});
afterAll(async () => {
  await discardTemplate(session, names);
  await session.close();
  await on.session.run(`REVOKE ALL ON DATABASE postgres FROM ${managed.user}`);
  await on.session.run(`DROP ROLE IF EXISTS ${neutral.owner}, ${neutral.application}, ${managed.user}`);
  await on.close();
});

/** Before 15 the schema `public` belongs to the server's superuser, who alone can close it. */
const isOld = sharedPostgres().major < 15;

it.runIf(isOld)('a login that is no superuser is told what it lacks, before any tenant is made', async () => {
  await ensureNeutralRoles(session, neutral);
  await expect(build()).rejects.toMatchObject({
    code: 'admin_lacks_rights',
    message: expect.stringContaining('close the schema public'),
  });
  expect(await on.listObjects(names)).toEqual([]);
});

async function build(): Promise<Awaited<ReturnType<typeof buildTemplate>>> {
  const path = join(on.folder, 'managed.sql');
  await writeFile(path, 'CREATE SCHEMA crm; CREATE TABLE crm.account (id serial PRIMARY KEY, name text)');
  return buildTemplate({
    server,
    session,
    source: { kind: 'sql', path },
    names,
    neutral,
    dataTables: [],
    signal: AbortSignal.timeout(30_000),
    around: plainly,
    log: { info: () => undefined, warn: () => undefined },
  });
}

// Who grants, and what a grant gives, differs between the majors: from 16 on CREATEROLE is no superuser any more.
it.skipIf(isOld)(
  'a login that is no superuser makes, repairs, verifies, closes, opens and drops a tenant',
  async () => {
    await ensureNeutralRoles(session, neutral);
    const { fingerprint } = await build();
    const tenant = newTenant();
    const { names: made, passwords, verifiers } = tenant;
    const roles = { names: made, neutral, verifiers, applicationConnectionLimit: 5 };
    await createTenantRoles(session, roles);
    await createClosedDatabase(session, { database: made.database, template: names.template });
    await sealDatabase(session, { names: made, neutral });
    const verify = () =>
      verifyTenantDatabase({
        session,
        address: server,
        names: made,
        neutral,
        passwords,
        expected: fingerprint,
        settings: [],
        inspect: (client) => fingerprintDatabase(client, { neutral, dataTables: [] }),
      });
    expect(await verify()).toEqual({ outcome: 'verified' });

    await repairRolePassword(session, made.applicationRole, scramVerifier('another'));
    expect(await verify()).toEqual({ outcome: 'passwordRefused', roles: [made.applicationRole] });
    await createTenantRoles(session, roles);
    expect(await verify()).toEqual({ outcome: 'verified' });

    const inside = await on.asApplication(tenant);
    await closeDatabase(session, made.database);
    expect(await inside.query('SELECT 1').catch(() => 'ended')).toBe('ended');
    expect(await on.asApplication(tenant).catch(sqlState)).toBe('55000');
    await sealDatabase(session, { names: made, neutral });
    expect(await verify()).toEqual({ outcome: 'verified' });

    await dropTenantDatabase(session, made);
    expect(await session.rows('SELECT FROM pg_roles WHERE rolname = $1', [made.migratorRole])).toEqual([]);
  },
);
