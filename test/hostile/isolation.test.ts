import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listOpenDatabases } from '../../src/databases/database-state.ts';
import { advisoryKey } from '../../src/databases/server-session.ts';
import { failOnLeaks } from '../support/leaks.ts';
import { expectedState, namesFor, schemaActions, serverActions } from './isolation-actions.ts';
import { allowed, type IsolationPlace, openIsolationPlace, outcomeOf, type Who } from './isolation-place.ts';

failOnLeaks();

let on: IsolationPlace;
/** Pairs of a role and an action whose outcome was compared with the expected one. */
let asserted = 0;

beforeAll(async () => {
  on = await openIsolationPlace();
});
afterAll(async () => {
  console.log(`isolation: ${asserted} pairs of role and action on PostgreSQL ${on.session.features.major}`);
  await on.stop();
  expect(asserted).toBeGreaterThanOrEqual(50);
});

type Outcome = readonly [who: Who, what: string, outcome: string];

function expectOutcomes(found: readonly Outcome[], expected: readonly Outcome[]): void {
  asserted += expected.length;
  expect(found).toEqual(expected);
}

const tenants: readonly Who[] = ['application', 'migrator', 'freed'];

describe('connecting', () => {
  it.each(['application', 'migrator', 'stranger'] as const)(
    '%s enters its own database only',
    async (who) => {
      const { first, second, spare, unfinished, template, bench } = on;
      const expected: Outcome[] = [
        [who, first.names.database, who === 'stranger' ? '42501' : allowed],
        [who, second.names.database, '42501'],
        // Kept in stock, and let nobody in but its own two roles.
        [who, spare.database, '42501'],
        [who, bench.registryName, '42501'],
        [who, bench.sourceName, '42501'],
        [who, 'postgres', '42501'],
        [who, 'template1', '42501'],
        // They accept no connections from anybody.
        [who, unfinished.database, '55000'],
        [who, template, '55000'],
        [who, 'template0', '55000'],
      ];
      const found: Outcome[] = [];
      for (const [, database] of expected) {
        found.push([who, database, await outcomeOf(on.logInAs(who, first, database))]);
      }
      expectOutcomes(found, expected);
    },
  );

  it('leaves no database open to everybody', async () => {
    expect(await listOpenDatabases(on.session)).toEqual([]);
  });
});

describe.each(tenants)('the %s may not reach beyond its database', (who) => {
  it.each(serverActions)('through %s', async (_, actions) => {
    const names = namesFor(on, who);
    const found: Outcome[] = [];
    for (const { sql } of actions) {
      found.push([who, sql(names), await on.attempt(who, on.first, sql(names))]);
    }
    expectOutcomes(
      found,
      actions.map((action) => [who, action.sql(names), expectedState(action, who)]),
    );
    expect(await on.powerful()).toEqual(['postgres']);
  });

  it('by granting what it does not have', async () => {
    const { first, second, session } = on;
    // Without the grant option GRANT warns, succeeds and does nothing; without any right it fails.
    const acls = () => session.rows('SELECT datname, datacl::text, datdba FROM pg_database ORDER BY datname');
    const before = await acls();
    for (const database of [first.names.database, second.names.database, on.template, 'postgres']) {
      for (const grantee of ['PUBLIC', second.names.applicationRole, first.names.applicationRole]) {
        await on.attempt(who, first, `GRANT CONNECT ON DATABASE ${database} TO ${grantee}`);
        await on.attempt(who, first, `REVOKE CONNECT ON DATABASE ${database} FROM ${grantee}`);
      }
    }
    expect(await acls()).toEqual(before);
    asserted += 1;
  });

  it('by ending or cancelling what others run', async () => {
    const victims = [await on.logInAs('application', on.second), await on.logInAs('migrator', on.second)];
    const platform = await on.session.rows<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const pids = await Promise.all(
      victims.map(async (client) => (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid),
    );
    for (const pid of [...pids, platform[0]?.pid]) {
      for (const what of ['pg_terminate_backend', 'pg_cancel_backend', 'pg_log_backend_memory_contexts']) {
        const sql = `SELECT ${what}(${pid})`;
        expectOutcomes([[who, sql, await on.attempt(who, on.first, sql)]], [[who, sql, '42501']]);
      }
    }
    const spy = await on.logInAs(who, on.first);
    const seen = await spy.query('SELECT query FROM pg_stat_activity WHERE pid = ANY ($1::int[])', [pids]);
    expect(seen.rows).toEqual(pids.map(() => ({ query: '<insufficient privilege>' })));
    await Promise.all([...victims, spy].map((client) => client.end()));
  });

  it('by taking the locks that the platform takes', async () => {
    const client = await on.logInAs(who, on.first);
    const key = `tenant:${on.second.tenantId}`;
    await client.query('SELECT pg_advisory_lock($1::bigint)', [advisoryKey(key)]);
    expect(await on.session.lock(key, 0)).toBe(true);
    await on.session.unlock(key);
    await client.end();
    asserted += 1;
  });
});

describe('the schema', () => {
  it.each(['application', 'migrator'] as const)('is changed by the migrator alone: %s', async (who) => {
    const names = namesFor(on, who);
    const found: Outcome[] = [];
    for (const { sql } of schemaActions) {
      found.push([who, sql(names), await on.attempt(who, on.first, sql(names))]);
    }
    expectOutcomes(
      found,
      schemaActions.map((action) => [who, action.sql(names), expectedState(action, who)]),
    );
  });

  it('belongs to the neutral owner, and the application uses it at once', async () => {
    const migrator = await on.logInAs('migrator', on.second);
    await migrator.query('CREATE SCHEMA shop; CREATE TABLE shop.orders (id serial PRIMARY KEY, what text)');
    const owners = await migrator.query(
      `SELECT relowner::regrole::text AS owner FROM pg_class WHERE oid = 'shop.orders'::regclass
        UNION ALL SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'shop'`,
    );
    expect(owners.rows).toEqual([{ owner: on.neutral.owner }, { owner: on.neutral.owner }]);
    const application = await on.logInAs('application', on.second);
    await application.query("INSERT INTO shop.orders (what) VALUES ('bread')");
    await application.query('CREATE TEMP TABLE own AS SELECT * FROM shop.orders');
    expect((await application.query('SELECT what FROM own')).rows).toEqual([{ what: 'bread' }]);
    await Promise.all([migrator.end(), application.end()]);
  });

  it('lets the application stand in for no function of the migrator’s', async () => {
    const migrator = await on.logInAs('migrator', on.second);
    await migrator.query(
      "CREATE FUNCTION whisper(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT lower($1)'",
    );
    const application = await on.logInAs('application', on.second);
    await application.query(
      "CREATE FUNCTION pg_temp.lower(text) RETURNS text LANGUAGE sql AS 'SELECT current_user::text'",
    );
    const { rows } = await application.query("SELECT whisper('LOUD'), current_user AS role");
    expect(rows).toEqual([{ whisper: 'loud', role: on.second.names.applicationRole }]);
    await Promise.all([migrator.end(), application.end()]);
  });
});

describe('limits', () => {
  it.each(['application', 'freed'] as const)('cannot be lifted for good by the %s', async (who) => {
    const { applicationRole, migratorRole } = on.first.names;
    const self = who === 'application' ? applicationRole : migratorRole;
    const limits = () =>
      on.session.rows(
        "SELECT rolconnlimit, array_to_string(rolconfig, ' ') ~ 'temp_file_limit=512MB' AS limited FROM pg_roles WHERE rolname = $1",
        [self],
      );
    const before = await limits();
    await on.attempt(who, on.first, `ALTER ROLE ${self} RESET temp_file_limit`);
    await on.attempt(who, on.first, `ALTER ROLE ${self} IN DATABASE ${on.first.names.database} RESET ALL`);
    if (who === 'application') await on.attempt(who, on.first, `ALTER ROLE ${self} RESET ALL`);
    expect(await limits()).toEqual(before);
    asserted += 1;
  });

  it('stop an application that fills the disk with temporary files', async () => {
    const client = await on.logInAs('application', on.first);
    expect((await client.query('SHOW temp_file_limit')).rows).toEqual([{ temp_file_limit: '512MB' }]);
    await client.query("SET work_mem = '64kB'");
    const sorting = client.query(
      'SELECT repeat(md5(n::text), 40) AS t FROM generate_series(1, 1000000) n ORDER BY 1',
    );
    expect(await outcomeOf(sorting)).toBe('53400');
    await client.end();
  });

  it('hold for the number of connections', async () => {
    const held: pg.Client[] = [];
    for (let seat = 0; seat < 4; seat += 1) held.push(await on.logInAs('migrator', on.second));
    const more = [1, 2, 3].map(() => outcomeOf(on.tryLogInAs('migrator', on.second)));
    expect(await Promise.all(more)).toEqual(['53300', '53300', '53300']);
    for (const client of held) await client.end();
  });
});
