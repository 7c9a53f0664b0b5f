import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failOnLeaks } from '../support/leaks.ts';
import { allowed, type Inhabitant, type IsolationPlace, openIsolationPlace } from './isolation-place.ts';

failOnLeaks();

let on: IsolationPlace;

beforeAll(async () => {
  on = await openIsolationPlace();
});
afterAll(() => on.stop());

const operator = { actor: { kind: 'operator', id: 'test' }, requestId: 'test' } as const;

async function asTenant<Result>(
  who: 'application' | 'migrator' | 'freed',
  tenant: Inhabitant,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = await on.logInAs(who, tenant);
  return use(client).finally(() => client.end());
}

/** What the platform calls while it verifies a database, as functions of the tenant that fit better. */
const STAND_INS = [
  ['lower', 'varchar', 'text'],
  ['lower', 'name', 'text'],
  ['quote_ident', 'name', 'text'],
  ['format_type', 'oid, int', 'text'],
  ['pg_get_userbyid', 'oid', 'name'],
  ['has_schema_privilege', 'oid, text', 'bool'],
  ['current_database', '', 'name'],
  ['md5', 'varchar', 'text'],
  ['starts_with', 'name, text', 'bool'],
] as const;

/**
 * Everything in its own database that a migrator can lay out for whoever comes: triggers, functions and views in
 * the place of PostgreSQL's, an operator, and the search path of both logins. `noted` keeps who fell for it.
 */
function traps(self: Inhabitant['names']): string {
  const grab = `BEGIN
      INSERT INTO public.noted VALUES (session_user, current_user, current_setting('application_name'));
      BEGIN EXECUTE 'ALTER ROLE ${self.applicationRole} SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN EXECUTE 'RESET ROLE'; EXECUTE 'ALTER ROLE ${self.applicationRole} SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN EXECUTE 'SET ROLE NONE'; EXECUTE 'ALTER ROLE ${self.applicationRole} SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
      BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXECUTE 'ALTER ROLE ${self.applicationRole} SUPERUSER';
      EXCEPTION WHEN OTHERS THEN NULL; END;`;
  const standIns = STAND_INS.map(
    ([name, parameters, result]) =>
      `CREATE FUNCTION public.${name}(${parameters}) RETURNS ${result} LANGUAGE plpgsql AS $$ ${grab} RETURN NULL; END $$;`,
  );
  return `
    CREATE TABLE public.noted (session_role name, acting_role name, application text);
    GRANT INSERT ON public.noted TO PUBLIC;
    ${standIns.join('\n')}
    CREATE FUNCTION public.trapped() RETURNS trigger LANGUAGE plpgsql AS $$ ${grab} RETURN NEW; END $$;
    CREATE TRIGGER trap BEFORE INSERT OR UPDATE OR DELETE ON public.companies FOR EACH ROW EXECUTE FUNCTION public.trapped();
    CREATE TRIGGER trap_all BEFORE INSERT OR TRUNCATE ON public.companies EXECUTE FUNCTION public.trapped();
    CREATE FUNCTION public.same(name, name) RETURNS bool LANGUAGE plpgsql AS $$ ${grab} RETURN false; END $$;
    CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.same);
    CREATE VIEW public.pg_roles AS SELECT public.md5('x'::varchar) AS rolname, false AS rolsuper;
    CREATE VIEW public.pg_database AS SELECT public.md5('x'::varchar) AS datname, true AS datallowconn;
    CREATE VIEW public.pg_class AS SELECT public.md5('x'::varchar) AS relname;
    ALTER TABLE public.companies ADD CHECK (public.md5(name::varchar) IS NULL) NOT VALID;
    ALTER TABLE public.companies ENABLE ROW LEVEL SECURITY;
    CREATE POLICY trap ON public.companies USING (public.lower(name::varchar) IS NULL) WITH CHECK (true);`;
}

async function setTraps(tenant: Inhabitant): Promise<void> {
  const path = "search_path = 'public, pg_catalog'";
  await asTenant('migrator', tenant, (client) => client.query(traps(tenant.names)));
  await asTenant('freed', tenant, (client) => client.query(`ALTER ROLE CURRENT_USER SET ${path}`));
  await asTenant('application', tenant, (client) => client.query(`ALTER ROLE CURRENT_USER SET ${path}`));
}

/** Sessions of the platform's own login that ran the tenant's code. */
async function superusersTrapped(tenant: Inhabitant): Promise<number> {
  return asTenant('migrator', tenant, async (client) => {
    const { rows } = await client.query(
      "SELECT pg_catalog.count(*)::int AS n FROM public.noted WHERE session_role::text OPERATOR(pg_catalog.=) 'postgres'",
    );
    return rows[0].n;
  });
}

describe('a tenant that lays traps for the platform', () => {
  it('would catch a superuser who runs one statement in its database', async () => {
    const victim = await on.provision('Trap That Works');
    await setTraps(victim);
    const catches = [
      "SET search_path = public, pg_catalog; SELECT lower('X'::varchar)",
      "INSERT INTO public.companies (name) VALUES ('x')",
    ];
    for (const statement of catches) {
      await on.bench.runOn(victim.names.database, statement);
      expect(await on.powerful()).toContain(victim.names.applicationRole);
      await on.session.run(`ALTER ROLE ${victim.names.applicationRole} NOSUPERUSER`);
    }
    expect(await superusersTrapped(victim)).toBeGreaterThan(0);
    expect(await on.powerful()).toEqual(['postgres']);
  });

  it('catches nobody while the platform verifies, closes, opens, retries and drops it', async () => {
    const tenant = await on.provision('Trap In Vain');
    const { provisioning, platform } = on.bench;
    await setTraps(tenant);
    await provisioning.suspendTenant(tenant.tenantId, operator);
    await provisioning.activateTenant(tenant.tenantId, operator);
    expect(await on.powerful()).toEqual(['postgres']);

    await platform.registry
      .updateTable('tenantRegistry')
      .set({ status: 'failed', statusReason: 'test' })
      .where('id', '=', tenant.tenantId)
      .execute();
    const retried = await provisioning.retryTenant(tenant.tenantId, operator);
    // Its structure is the template's no longer, which is what verification is for.
    await expect
      .poll(async () => (await provisioning.readRun(retried.runId ?? ''))?.status, { timeout: 30_000 })
      .toMatch(/failed/);
    expect(on.bench.lines.join('')).toContain('its structure differs from the template');
    expect(await on.powerful()).toEqual(['postgres']);
    const left = await on.readTenant(tenant.tenantId);
    if (left.databaseName !== null) expect(await superusersTrapped(tenant)).toBe(0);

    const purged = await provisioning.purgeTenant(tenant.tenantId, operator);
    expect(await provisioning.waitForRun(purged.runId ?? '', 30_000)).toMatchObject({ status: 'completed' });
    expect(await on.powerful()).toEqual(['postgres']);
  });
});

describe('what a migrator does to the roles that all tenants share', () => {
  const catalog = () =>
    on.session.rows(
      `SELECT datname, datdba::regrole::text AS owner, datacl::text FROM pg_database
        WHERE datname <> $1 ORDER BY datname`,
      [on.first.names.database],
    );
  const others = () => ['application', 'migrator'] as const;

  // The statement, and what the server says to the neutral owner and to the migrator's own login.
  it.each([
    ["ALTER ROLE %owner% SET search_path = 'nowhere'", allowed, '42501'],
    ["ALTER ROLE %owner% IN DATABASE %foreign% SET search_path = 'nowhere'", allowed, '42501'],
    ['ALTER DEFAULT PRIVILEGES FOR ROLE %owner% REVOKE ALL ON TABLES FROM %application%', allowed, allowed],
    ['REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %application%', allowed, allowed],
    ['REVOKE %application% FROM %foreignApplication%', '42501', '42501'],
    ['REVOKE %owner% FROM %foreignMigrator%', '42501', '42501'],
    ['REASSIGN OWNED BY %owner% TO %self%', '42501', allowed],
    ['DROP OWNED BY %owner% CASCADE', allowed, allowed],
  ])('stays in its own database: %s', async (pattern, ...expected) => {
    const { first, second, neutral } = on;
    const names: Record<string, string> = {
      owner: neutral.owner,
      application: neutral.application,
      self: first.names.migratorRole,
      foreign: second.names.database,
      foreignApplication: second.names.applicationRole,
      foreignMigrator: second.names.migratorRole,
    };
    const sql = pattern.replace(/%(\w+)%/g, (_, name: string) => names[name] ?? '');
    const before = await catalog();
    expect([await on.attempt('migrator', first, sql), await on.attempt('freed', first, sql)]).toEqual(
      expected,
    );
    expect(await catalog()).toEqual(before);
    for (const who of others()) {
      const path = await asTenant(who, second, (client) => client.query('SHOW search_path'));
      expect(path.rows).toEqual([{ search_path: '"$user", public' }]);
    }
    await asTenant('application', second, async (client) => {
      expect((await client.query('SELECT count(*)::int AS n FROM companies')).rows).toEqual([{ n: 0 }]);
    });
    // CREATE on a database is a right on a shared object, and each tenant's neutral owner is the same role.
    await asTenant('migrator', second, (client) => client.query('CREATE SCHEMA probe; DROP SCHEMA probe'));
  });
});

describe('what every tenant can see of the others', () => {
  const sights = {
    'names of databases': 'SELECT datname::text AS seen FROM pg_database',
    'names of roles': 'SELECT rolname::text AS seen FROM pg_roles',
    'who may enter which database': 'SELECT datacl::text AS seen FROM pg_database',
    'settings of roles and databases':
      "SELECT array_to_string(setconfig, ' ') AS seen FROM pg_db_role_setting",
    'comments on shared objects': 'SELECT description AS seen FROM pg_shdescription',
    'traffic of databases': 'SELECT concat(datname, xact_commit) AS seen FROM pg_stat_database',
    'names of applications':
      "SELECT concat_ws(' ', datname, usename, application_name, query) AS seen FROM pg_stat_activity",
    'advisory locks': "SELECT concat_ws(' ', locktype, database, classid, objid) AS seen FROM pg_locks",
  };

  it.each(Object.entries(sights))('%s hold no word of a customer', async (_, sql) => {
    const { rows } = await asTenant('application', on.first, (client) => client.query<{ seen: string }>(sql));
    expect(rows.length).toBeGreaterThan(0);
    const { slug, name } = await on.readTenant(on.second.tenantId);
    const words = [slug, name, ...name.toLowerCase().split(' '), on.second.tenantId];
    const seen = rows.map(({ seen: text }) => text?.toLowerCase() ?? '').join('\n');
    expect(words.filter((word) => seen.includes(word.toLowerCase()))).toEqual([]);
  });
});
