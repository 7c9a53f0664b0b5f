import { randomUUID } from 'node:crypto';
import { type MadeTenant, newDatabaseName, type ReconcileBench } from './reconcile-bench.ts';

/** One harm, what each of the two must say of it, and whether only a person can mend it. */
export type Harm = {
  what: string;
  plant: () => Promise<unknown>;
  /** `kind subject` of checkConsistency, in this order. */
  finds: () => string[];
  /** Undefined where plain SQL from outside cannot know it. */
  oracle: RegExp | undefined;
  isForPeople?: true;
};

export type Harms = Awaited<ReturnType<typeof prepareHarms>>;

/** Everything that is planted in one installation; nothing of it is there yet. */
export async function prepareHarms(bench: ReconcileBench) {
  const [copy] = await bench.ask<{ name: string }>('SELECT database_name AS name FROM template_copies');
  const [warm] = await bench.ask<{ name: string }>('SELECT database_name AS name FROM warm_databases');
  const template = copy?.name ?? '';
  const newName = () => newDatabaseName(bench.prefix);
  const names = { orphan: newName(), halfDropped: newName(), quarantined: newName(), foreign: newName() };
  const roles = {
    migrator: `m_${bench.installationId}_nobody`,
    application: `a_${bench.installationId}_nobody`,
  };
  const [lost, stuckTask, stuckTenant, haltedTenant] = [
    randomUUID(),
    randomUUID(),
    randomUUID(),
    randomUUID(),
  ];
  const on = (statement: string) => bench.onServer(statement);
  const write = (statement: string) => bench.ask(statement);
  const tenant = (at: number): MadeTenant => {
    const found = bench.tenants[at];
    if (found === undefined) throw new Error(`There is no tenant ${at}.`);
    return found;
  };
  const slug = (at: number) => tenant(at).slug;

  const harms: Harm[] = [
    {
      what: 'a database that no row names',
      plant: () => on(`CREATE DATABASE ${names.orphan} TEMPLATE ${template} ALLOW_CONNECTIONS false`),
      finds: () => [`database_orphaned ${names.orphan}`],
      oracle: /^database \S+ exists, and the registry does not name it/,
    },
    {
      what: 'roles that no row names',
      plant: () =>
        on(`CREATE ROLE ${roles.migrator} LOGIN; CREATE ROLE ${roles.application} LOGIN;
        GRANT CONNECT ON DATABASE ${names.orphan} TO ${roles.application}`),
      finds: () => [`role_orphaned ${roles.migrator}`, `role_orphaned ${roles.application}`],
      oracle: /^role a_\S+_nobody exists, and the registry does not name it/,
    },
    {
      what: 'half of a database that a purge was dropping',
      plant: async () => {
        await on(`CREATE DATABASE ${names.halfDropped} TEMPLATE ${template} ALLOW_CONNECTIONS false`);
        await on(`UPDATE pg_database SET datconnlimit = -2 WHERE datname = '${names.halfDropped}'`);
      },
      finds: () => [`database_half_dropped ${names.halfDropped}`],
      oracle: /is half dropped$/,
    },
    {
      what: 'a database in quarantine that somebody opened',
      plant: async () => {
        await on(`CREATE DATABASE ${names.quarantined} TEMPLATE ${template}`);
        await write(`INSERT INTO quarantined_objects (id, server_id, kind, name, reason)
          SELECT gen_random_uuid(), id, 'database', '${names.quarantined}', 'found' FROM database_servers`);
      },
      finds: () => [`quarantined_open ${names.quarantined}`],
      oracle: /is in quarantine and can be entered$/,
    },
    {
      what: 'a tenant whose database was dropped by hand',
      plant: () => on(`DROP DATABASE ${tenant(0).database}`),
      finds: () => [`database_missing ${tenant(0).database}`],
      oracle: /^database \S+ is named by the registry, and does not exist$/,
      isForPeople: true,
    },
    {
      what: 'a tenant without its application role',
      plant: async () => {
        const { database, application } = tenant(1);
        await on(`REVOKE ALL ON DATABASE ${database} FROM ${application}; DROP ROLE ${application}`);
      },
      finds: () => [`role_missing ${tenant(1).application}`, `role_shut_out ${tenant(1).database}`],
      oracle: /^role a_\S+ is named by the registry, and does not exist$/,
    },
    {
      what: 'a database that PUBLIC may enter',
      plant: () => on(`GRANT CONNECT ON DATABASE ${tenant(2).database} TO PUBLIC`),
      finds: () => [`database_open ${tenant(2).database}`],
      oracle: /is open to PUBLIC$/,
    },
    {
      what: 'an active tenant whose database is closed',
      plant: () => on(`ALTER DATABASE ${tenant(3).database} ALLOW_CONNECTIONS false`),
      finds: () => [`database_closed ${tenant(3).database}`],
      oracle: /is closed to its tenant$/,
    },
    {
      what: 'an active tenant without ADMIN',
      plant: () => write(`DELETE FROM tenant_members WHERE tenant_id = '${tenant(4).id}'`),
      finds: () => [`admin_missing ${slug(4)}`],
      oracle: /is active and has no ADMIN$/,
      isForPeople: true,
    },
    {
      what: 'an activation of which no event tells',
      plant: () =>
        write(`DELETE FROM outbox WHERE topic = 'event.tenant.activated'
        AND payload ->> 'tenant_id' = '${tenant(5).id}'`),
      finds: () => [`event_missing ${slug(5)}`],
      oracle: /activated 1 times, and 0 events/,
    },
    {
      what: 'an activation of which two events tell',
      plant: () =>
        write(`INSERT INTO outbox (event_id, topic, payload)
        SELECT gen_random_uuid(), topic, payload FROM outbox
         WHERE topic = 'event.tenant.activated' AND payload ->> 'tenant_id' = '${tenant(6).id}'`),
      finds: () => [`event_repeated ${slug(6)}`],
      oracle: /activated 1 times, and 2 events/,
    },
    {
      what: 'an application role made superuser',
      plant: () => on(`ALTER ROLE ${tenant(7).application} SUPERUSER`),
      finds: () => [`role_powerful ${tenant(7).application}`],
      oracle: /^role a_\S+ has rights on the whole server$/,
    },
    {
      what: 'a migrator that may create databases',
      plant: () => on(`ALTER ROLE ${tenant(8).migrator} CREATEDB`),
      finds: () => [`role_powerful ${tenant(8).migrator}`],
      oracle: /^role m_\S+ has rights on the whole server$/,
    },
    {
      what: 'an application role that is a member of something',
      plant: () => on(`GRANT pg_read_all_data TO ${tenant(9).application}`),
      finds: () => [`role_misplaced ${tenant(9).application}`],
      oracle: /^role a_\S+ is not a member of \S+ alone$/,
    },
    {
      what: 'a database that belongs to its tenant',
      plant: () => on(`ALTER DATABASE ${tenant(10).database} OWNER TO ${tenant(10).application}`),
      finds: () => [`database_not_ours ${tenant(10).database}`, `role_shut_out ${tenant(10).database}`],
      oracle: /^database \S+ belongs to a_/,
    },
    {
      what: 'another tenant with rights on a database',
      plant: () => on(`GRANT CONNECT ON DATABASE ${tenant(11).database} TO ${tenant(2).application}`),
      finds: () => [`database_entered_by_others ${tenant(11).database}`],
      oracle: /has rights on database \S+ of another$/,
    },
    {
      what: 'a role that may not log in, with any number of connections',
      plant: () => on(`ALTER ROLE ${tenant(12).application} NOLOGIN CONNECTION LIMIT -1`),
      finds: () => [
        `connection_limit_differs ${tenant(12).application}`,
        `role_shut_out ${tenant(12).application}`,
      ],
      oracle: /^role a_\S+ may not log in$/,
    },
    {
      what: 'a template that is gone',
      plant: async () => {
        await on(`ALTER DATABASE ${template} IS_TEMPLATE false`);
        await on(`DROP DATABASE ${template}`);
      },
      finds: () => [`template_lost ${template}`],
      oracle: /^database tm_\S+ is named by the registry, and does not exist$/,
    },
    {
      what: 'a warm database that is gone',
      plant: () => on(`DROP DATABASE ${warm?.name}`),
      finds: () => [`warm_database_broken ${warm?.name}`],
      oracle: /^database \S+ is named by the registry, and does not exist$/,
    },
    {
      what: 'a run that everybody has forgotten',
      plant: () =>
        write(`
        INSERT INTO tenant_registry (id, slug, name, status, plan) VALUES ('${stuckTenant}', 'stuck', 'Stuck', 'requested', 'free');
        INSERT INTO provisioning_runs (id, tenant_id, generation, kind, created_at, not_before)
        VALUES (gen_random_uuid(), '${stuckTenant}', 1, 'provision', now() - interval '10 minutes', now() - interval '10 minutes')`),
      finds: () => ['run_stuck stuck'],
      oracle: /^run \S+ of tenant stuck has been left alone/,
    },
    {
      what: 'a tenant that waits and has no run',
      plant: () =>
        write(`INSERT INTO tenant_registry (id, slug, name, status, plan)
        VALUES ('${haltedTenant}', 'halted', 'Halted', 'provisioning', 'free')`),
      finds: () => ['run_missing halted'],
      oracle: /^tenant halted is provisioning, and no run is open/,
    },
    {
      what: 'a task that everybody has forgotten',
      plant: () =>
        write(`INSERT INTO tasks (id, kind, created_at, not_before, rung_at)
        VALUES ('${stuckTask}', 'reconcile.plan', now() - interval '10 minutes', now() - interval '10 minutes', now() - interval '9 minutes')`),
      finds: () => [`task_stuck ${stuckTask}`],
      oracle: /^task \S+ has been left alone/,
    },
    {
      what: 'a registration that was accepted and is not there',
      plant: () =>
        write(`INSERT INTO idempotency_keys (scope, key, request_hmac, owner, leased_until, resource_id, expires_at)
        VALUES ('POST /api/auth/register-organization', 'k', '', gen_random_uuid(), now(), '${lost}', now() + interval '1 day')`),
      finds: () => [`registration_lost ${lost}`],
      oracle: /was accepted, and is not in the registry$/,
      isForPeople: true,
    },
    {
      what: 'half of an active tenant’s database',
      plant: () => on(`UPDATE pg_database SET datconnlimit = -2 WHERE datname = '${tenant(13).database}'`),
      finds: () => [`database_half_dropped ${tenant(13).database}`],
      oracle: /is half dropped$/,
      isForPeople: true,
    },
    {
      what: 'a password that is not the one that is kept',
      plant: () => on(`ALTER ROLE ${tenant(14).application} PASSWORD 'changed behind our back'`),
      finds: () => [`password_refused ${tenant(14).database}`],
      oracle: undefined,
    },
    {
      what: 'a table that nobody wrote down',
      plant: () => bench.onServer('CREATE TABLE public.sneaked_in (id int)', tenant(15).database),
      finds: () => [`fingerprint_differs ${tenant(15).database}`],
      oracle: undefined,
      isForPeople: true,
    },
    {
      what: 'a password in what is to be told',
      plant: () =>
        write(`INSERT INTO outbox (event_id, topic, payload, delivered_at)
        VALUES (gen_random_uuid(), 'event.test', '{"admin_password": "hunter2"}', now())`),
      finds: () => ['secret_in_clear'],
      oracle: undefined,
      isForPeople: true,
    },
    {
      what: 'a foreign database under a name of ours',
      plant: () => on(`CREATE DATABASE ${names.foreign}`),
      finds: () => [`database_foreign ${names.foreign}`],
      oracle: /^database \S+ exists, and the registry does not name it/,
      isForPeople: true,
    },
  ];

  return { harms, names, tenant };
}
