import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureNeutralRoles } from '../../src/databases/neutral-roles.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { startTenantServer, type TenantServer } from './tenant-server.ts';

failOnLeaks();

let on: TenantServer;

beforeAll(async () => {
  on = await startTenantServer();
});
afterAll(() => on.stop());

describe('a neutral role', () => {
  const roles = { owner: 'tm_owner_strong', application: 'tm_app_strong' };
  const rights = [
    { give: 'ALTER ROLE tm_owner_strong CREATEROLE CREATEDB', said: 'has CREATEROLE, CREATEDB.' },
    {
      give: 'GRANT pg_execute_server_program TO tm_app_strong',
      said: 'membership in "pg_execute_server_program"',
    },
  ];

  it.each(rights)(
    'is used no more after $give, until what the error says is done',
    async ({ give, said }) => {
      await ensureNeutralRoles(on.session, roles);
      await on.session.run(give);
      const refusal = await ensureNeutralRoles(on.session, roles).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'verification_failed', message: expect.stringContaining(said) });
      const mend = String(refusal).match(/take it away: (.*;)/)?.[1];
      await on.session.run(String(mend));
      await ensureNeutralRoles(on.session, roles);
    },
  );
});
