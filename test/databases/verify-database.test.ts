import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Fingerprint } from '../../src/databases/database-server.ts';
import { applySettings } from '../../src/databases/database-settings.ts';
import { repairRolePassword } from '../../src/databases/tenant-roles.ts';
import { verifyTenantDatabase } from '../../src/databases/verify-database.ts';
import { failOnLeaks } from '../support/leaks.ts';
import {
  anyFingerprint,
  neutral,
  startTenantServer,
  type Tenant,
  type TenantServer,
} from './tenant-server.ts';

failOnLeaks();

let on: TenantServer;
let tenant: Tenant;
const settings = [
  { name: 'TimeZone', value: 'Asia/Tokyo' },
  { name: 'search_path', value: '"$user", sales' },
];

beforeAll(async () => {
  on = await startTenantServer();
});
beforeEach(async () => {
  tenant = await on.makeTenant(on.session);
  await applySettings(on.session, tenant.names.database, settings);
});
afterEach(() => on.endLogins());
afterAll(() => on.stop());

function verify(found: Fingerprint = anyFingerprint) {
  return verifyTenantDatabase({
    session: on.session,
    address: on.server,
    names: tenant.names,
    neutral,
    passwords: tenant.passwords,
    expected: anyFingerprint,
    settings,
    inspect: async (client) => {
      const { rows } = await client.query('SELECT session_user, current_database() AS database');
      expect(rows).toEqual([{ session_user: tenant.names.migratorRole, database: tenant.names.database }]);
      return found;
    },
  });
}

async function expectFault(part: string, found?: Fingerprint): Promise<void> {
  await expect(verify(found)).rejects.toMatchObject({
    code: 'verification_failed',
    message: expect.stringContaining(part),
  });
}

const handedOut = [
  {
    what: 'a migrator that acts as a role with rights on the whole server',
    give: () => `ALTER ROLE ${neutral.owner} CREATEROLE`,
    take: () => `ALTER ROLE ${neutral.owner} NOCREATEROLE`,
    fault: 'the migrator has rights on the whole server',
  },
  {
    what: 'a migrator that may run programs on the server by the role that it acts as',
    give: () => `GRANT pg_execute_server_program TO ${neutral.owner}`,
    take: () => `REVOKE pg_execute_server_program FROM ${neutral.owner}`,
    fault: 'the migrator is a member of pg_execute_server_program',
  },
  {
    what: 'an application that may read files of the server by the role that it uses',
    give: () => `GRANT pg_read_server_files TO ${neutral.application}`,
    take: () => `REVOKE pg_read_server_files FROM ${neutral.application}`,
    fault: 'the application role is a member of pg_read_server_files',
  },
];
it.each(handedOut)('finds $what', async ({ give, take, fault }) => {
  await on.session.run(give());
  await expectFault(fault).finally(() => on.session.run(take()));
  expect(await verify()).toEqual({ outcome: 'verified' });
});

it('finds nothing wrong with a new tenant', async () => {
  expect(await verify()).toEqual({ outcome: 'verified' });
});

it('names the roles whose password was changed, so that they can be repaired', async () => {
  const { migratorRole, applicationRole } = tenant.names;
  const client = await on.logIn(applicationRole, tenant.passwords.application, tenant.names.database);
  await client.query("ALTER ROLE CURRENT_USER PASSWORD 'mine'");
  expect(await verify()).toEqual({ outcome: 'passwordRefused', roles: [applicationRole] });
  await on.session.run(`ALTER ROLE ${migratorRole} PASSWORD 'theirs'`);
  expect(await verify()).toEqual({ outcome: 'passwordRefused', roles: [migratorRole, applicationRole] });
  await repairRolePassword(on.session, applicationRole, tenant.verifiers.application);
  await repairRolePassword(on.session, migratorRole, tenant.verifiers.migrator);
  expect(await verify()).toEqual({ outcome: 'verified' });
});

it.each(['structure', 'privileges', 'carriedRows'] as const)(
  'names a differing digest: %s',
  async (digest) => {
    const words = { structure: 'structure', privileges: 'privileges', carriedRows: 'carried rows' };
    await expectFault(words[digest], { ...anyFingerprint, [digest]: 'other' });
  },
);

const spoilers: [string, (tenant: Tenant) => Promise<unknown>][] = [
  [
    'its setting "TimeZone" is missing',
    ({ names }) => on.session.run(`ALTER DATABASE ${names.database} RESET timezone`),
  ],
  [
    'its setting "search_path" differs',
    ({ names }) => on.session.run(`ALTER DATABASE ${names.database} SET search_path = '$user, sales'`),
  ],
  ['PUBLIC', ({ names }) => on.session.run(`GRANT CONNECT ON DATABASE ${names.database} TO PUBLIC`)],
  [
    'allows no connections',
    ({ names }) => on.session.run(`ALTER DATABASE ${names.database} ALLOW_CONNECTIONS false`),
  ],
  [
    'belongs to',
    ({ names }) => on.session.run(`ALTER DATABASE ${names.database} OWNER TO ${names.migratorRole}`),
  ],
  ['does not exist', ({ names }) => on.session.run(`DROP DATABASE ${names.database}`)],
  [
    'marked as a template',
    ({ names }) => on.session.run(`ALTER DATABASE ${names.database} IS_TEMPLATE true`),
  ],
  [
    'may not create schemas',
    ({ names }) => on.session.run(`REVOKE CREATE ON DATABASE ${names.database} FROM ${neutral.owner}`),
  ],
  ['the migrator acts as', ({ names }) => on.session.run(`ALTER ROLE ${names.migratorRole} RESET role`)],
  [
    'rights on the whole server',
    ({ names }) => on.session.run(`ALTER ROLE ${names.applicationRole} CREATEDB`),
  ],
  [
    'member of the neutral owner',
    ({ names }) => on.session.run(`GRANT ${neutral.owner} TO ${names.applicationRole}`),
  ],
  [
    'does not use the neutral role',
    ({ names }) => on.session.run(`REVOKE ${neutral.application} FROM ${names.applicationRole}`),
  ],
  [
    'may create in: public',
    ({ names }) => on.asSuperuser(names.database, `GRANT CREATE ON SCHEMA public TO ${neutral.application}`),
  ],
  [
    'may create schemas',
    ({ names }) => on.session.run(`GRANT CREATE ON DATABASE ${names.database} TO ${names.applicationRole}`),
  ],
  ['is refused', ({ names }) => on.session.run(`ALTER ROLE ${names.applicationRole} NOLOGIN`)],
  [
    'permission denied for database',
    ({ names }) => on.session.run(`REVOKE CONNECT ON DATABASE ${names.database} FROM ${names.migratorRole}`),
  ],
];

it.each(spoilers)('notices: %s', async (part, spoil) => {
  await spoil(tenant);
  await expectFault(part);
});

it('says that the server is gone when it is', async () => {
  const unreachable = verifyTenantDatabase({
    session: on.session,
    address: { ...on.server, port: 1 },
    names: tenant.names,
    neutral,
    passwords: tenant.passwords,
    expected: anyFingerprint,
    settings,
    inspect: async () => anyFingerprint,
  });
  await expect(unreachable).rejects.toMatchObject({ code: 'database_server_unreachable' });
});
